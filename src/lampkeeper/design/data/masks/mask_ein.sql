-- mask_ein(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 9 digits
-- example: '91-1144442' -> '**-****442'
-- example: '91' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{2}-?[0-9]{7}$' THEN concat('**-****', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
