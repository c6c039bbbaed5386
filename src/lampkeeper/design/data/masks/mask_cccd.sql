-- mask_cccd(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 2 of 12 or 9 digits
-- note: province, sex and year of birth are in it
-- example: '001190012345' -> '*******45'
-- example: '001190' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^([0-9]{12}|[0-9]{9})$' THEN concat('*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
