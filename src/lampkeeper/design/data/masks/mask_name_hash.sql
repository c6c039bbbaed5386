-- mask_name_hash(value STRING) RETURNS STRING
-- class: name
-- reveals: which names are equal but for case and blanks around them, as 32 hex digits
-- note: HMAC-SHA-256 under the environment's key, 128 bits kept; columns with this mask join with each other
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  ELSE left(sha2(concat(unhex('{{hash_key.outer}}'), unhex(sha2(concat(unhex('{{hash_key.inner}}'),
    CAST(concat('name:', lower(trim(value))) AS BINARY)), 256))), 256), 32)
END
