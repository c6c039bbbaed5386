-- mask_null_string(value STRING) RETURNS STRING
-- class: any
-- reveals: nothing
-- note: for CHAR and VARCHAR columns too short for a constant
-- example: 'x' -> NULL
-- example: NULL -> NULL
CAST(NULL AS STRING)
