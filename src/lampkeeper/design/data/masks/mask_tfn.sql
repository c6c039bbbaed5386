-- mask_tfn(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 9 digits
-- example: '123 456 782' -> '*** *** 782'
-- example: '12345678' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){8}$' THEN concat('*** *** ', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
