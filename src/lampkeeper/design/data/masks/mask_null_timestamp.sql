-- mask_null_timestamp(value TIMESTAMP) RETURNS TIMESTAMP
-- class: any
-- reveals: nothing
-- example: TIMESTAMP'2001-02-03 04:05:06' -> NULL
-- example: NULL -> NULL
CAST(NULL AS TIMESTAMP)
