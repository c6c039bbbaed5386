-- mask_licence_number(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 2 of 6 to 13 letters and digits
-- example: '12345678' -> '******78'
-- example: '12345' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9A-Za-z]([ -]?[0-9A-Za-z]){5,12}$'
    THEN concat('******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
