-- mask_null_bigint(value BIGINT) RETURNS BIGINT
-- class: any
-- reveals: nothing
-- example: 42 -> NULL
-- example: NULL -> NULL
CAST(NULL AS BIGINT)
