-- mask_epf(value STRING) RETURNS STRING
-- class: insurance_id
-- reveals: last 2 of 8 digits
-- example: '12345678' -> '******78'
-- example: '1234' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{8}$' THEN concat('******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
