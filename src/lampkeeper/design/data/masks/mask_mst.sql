-- mask_mst(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 10 or 13 digits
-- example: '0100112437' -> '*******437'
-- example: '0100112437-001' -> '*******001'
-- example: '0100' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{10}(-?[0-9]{3})?$' THEN concat('*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
