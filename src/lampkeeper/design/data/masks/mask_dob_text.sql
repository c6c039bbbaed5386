-- mask_dob_text(value STRING) RETURNS STRING
-- class: dob
-- reveals: the year of an ISO date
-- example: '1980-06-15' -> '1980-01-01'
-- example: '15/06/80' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN concat(left(value, 4), '-01-01')
  ELSE '[REDACTED]'
END
