-- mask_hash_bigint(value BIGINT) RETURNS BIGINT
-- class: any
-- reveals: which values are equal, as a number from 0 up to 2^60
-- note: HMAC-SHA-256 under the environment's key, 60 bits kept; columns with this mask join with each other
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  ELSE CAST(conv(left(sha2(concat(unhex('{{hash_key.outer}}'), unhex(sha2(concat(unhex('{{hash_key.inner}}'),
    CAST(concat('integer:', CAST(value AS STRING)) AS BINARY)), 256))), 256), 15), 16, 10) AS BIGINT)
END
