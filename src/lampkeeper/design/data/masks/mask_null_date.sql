-- mask_null_date(value DATE) RETURNS DATE
-- class: any
-- reveals: nothing
-- example: DATE'2001-02-03' -> NULL
-- example: NULL -> NULL
CAST(NULL AS DATE)
