-- mask_sss_ph(value STRING) RETURNS STRING
-- class: insurance_id
-- reveals: last 3 of 10 digits
-- example: '34-1234567-8' -> '**-*****678'
-- example: '34-12' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){9}$' THEN concat('**-*****', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
