-- mask_nik(value STRING) RETURNS STRING
-- class: national_id
-- reveals: first 2 of 16 digits: the province
-- note: digits 7 to 12 are the birth date (women: day + 40): the last four would leave one number
-- example: '3171014508900003' -> '31**************'
-- example: '317101' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{16}$' THEN concat(left(value, 2), '**************')
  ELSE '[REDACTED]'
END
