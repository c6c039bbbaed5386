-- mask_nhs(value STRING) RETURNS STRING
-- class: health
-- reveals: last 3 of 10 digits
-- example: '943 476 5919' -> '*** *** *919'
-- example: '943' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){9}$' THEN concat('*** *** *', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
