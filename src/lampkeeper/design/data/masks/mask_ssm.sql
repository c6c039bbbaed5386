-- mask_ssm(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 2 of 7, 8 or 12
-- example: '201901000005' -> '**********05'
-- example: '123456-X' -> '**********6X'
-- example: '1234' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^([0-9]{12}|[0-9]{6,7}-?[A-Za-z])$'
    THEN concat('**********', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
