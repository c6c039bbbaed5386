-- mask_mykad(value STRING) RETURNS STRING
-- class: national_id
-- reveals: nothing but its shape
-- note: birth date and sex are in it: the last four digits would leave some 60 numbers
-- example: '830203-10-5123' -> '******-**-****'
-- example: '830203' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){11}$' THEN '******-**-****'
  ELSE '[REDACTED]'
END
