-- mask_ausweis_de(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 2 of 9 or 10
-- example: 'L01X00T471' -> '*******71'
-- example: 'L01X' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9A-Za-z]{9,10}$' THEN concat('*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
