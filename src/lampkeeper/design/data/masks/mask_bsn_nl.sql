-- mask_bsn_nl(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 3 of 9 digits
-- example: '111222333' -> '******333'
-- example: '11122' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ .-]?[0-9]){8}$' THEN concat('******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
