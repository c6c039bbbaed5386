-- mask_hash(value STRING) RETURNS STRING
-- class: any
-- reveals: which values are equal, as 32 hex digits
-- note: HMAC-SHA-256 under the environment's key, 128 bits kept; columns with this mask join with each other
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  ELSE left(sha2(concat(unhex('{{hash_key.outer}}'), unhex(sha2(concat(unhex('{{hash_key.inner}}'),
    CAST(concat('text:', value) AS BINARY)), 256))), 256), 32)
END
