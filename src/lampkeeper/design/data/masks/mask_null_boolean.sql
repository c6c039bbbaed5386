-- mask_null_boolean(value BOOLEAN) RETURNS BOOLEAN
-- class: any
-- reveals: nothing
-- example: TRUE -> NULL
-- example: NULL -> NULL
CAST(NULL AS BOOLEAN)
