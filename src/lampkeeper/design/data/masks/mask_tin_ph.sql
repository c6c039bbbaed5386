-- mask_tin_ph(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 9, 12 or 14 digits
-- example: '123-456-789' -> '***-***-789'
-- example: '123-456-789-000' -> '***-***-000'
-- example: '123' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{3}-?[0-9]{3}-?[0-9]{3}(-?[0-9]{3}([0-9]{2})?)?$'
    THEN concat('***-***-', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
