-- mask_utr(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 10 digits
-- example: '1955839661' -> '*******661'
-- example: '19558' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ ]?[0-9]){9}$' THEN concat('*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
