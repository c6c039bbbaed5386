-- mask_nz_licence(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 2 of 8 letters and digits
-- example: 'AB123456' -> '******56'
-- example: 'AB1234' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z]{2}[0-9]{6}$' THEN concat('******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
