-- mask_null_double(value DOUBLE) RETURNS DOUBLE
-- class: any
-- reveals: nothing
-- example: 4.2D -> NULL
-- example: NULL -> NULL
CAST(NULL AS DOUBLE)
