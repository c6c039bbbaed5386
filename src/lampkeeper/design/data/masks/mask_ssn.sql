-- mask_ssn(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 3 of 9 digits
-- note: 4 of 9 would be more than a third of the number
-- example: '123-45-6789' -> '***-**-*789'
-- example: '6789' -> '[REDACTED]'
-- example: '123-45-678' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^([0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3} [0-9]{2} [0-9]{4}|[0-9]{9})$' THEN concat('***-**-*', right(value, 3))
  ELSE '[REDACTED]'
END
