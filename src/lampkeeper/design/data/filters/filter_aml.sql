-- filter_aml(flag BOOLEAN) RETURNS BOOLEAN
-- class: compliance
-- reveals: rows whose flag is false
-- note: an unknown flag hides the row
-- example: FALSE -> TRUE
-- example: TRUE -> FALSE
-- example: NULL -> FALSE
CASE WHEN flag IS NULL THEN FALSE ELSE NOT flag END
