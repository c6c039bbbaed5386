-- mask_thai_id(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 3 of 13 digits
-- note: with the district known, four digits more would leave some 900 numbers
-- example: '1101700230708' -> '**********708'
-- example: '11017' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){12}$'
    THEN concat('**********', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
