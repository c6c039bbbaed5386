-- mask_uan(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 4 of 12 digits
-- example: '100123456789' -> '********6789'
-- example: '1001' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){11}$' THEN concat('********', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 4))
  ELSE '[REDACTED]'
END
