-- mask_crn(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 3 of 9 digits and a letter
-- example: '123 456 789A' -> '*** *** *89A'
-- example: '123456789' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){8}[ -]?[A-Za-z]$'
    THEN concat('*** *** *', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
