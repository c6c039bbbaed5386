-- mask_dni_es(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 2 of 9
-- example: '54362315K' -> '*******5K'
-- example: '5436' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^([0-9]{8}|[XYZxyz][0-9]{7})-?[A-Za-z]$'
    THEN concat('*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
