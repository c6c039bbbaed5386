-- mask_ird(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 9 digits, last 2 of 8
-- example: '136-410-132' -> '***-***-132'
-- example: '49091850' -> '******50'
-- example: '4909' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){8}$' THEN concat('***-***-', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){7}$' THEN concat('******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
