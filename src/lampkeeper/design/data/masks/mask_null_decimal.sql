-- mask_null_decimal(value DECIMAL(38,0)) RETURNS DECIMAL(38,0)
-- class: any
-- reveals: nothing
-- example: 42 -> NULL
-- example: NULL -> NULL
CAST(NULL AS DECIMAL(38,0))
