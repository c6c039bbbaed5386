-- mask_ration_card(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 3 of 10 or 11 letters and digits, last 4 of 12 to 15
-- example: 'MH1234567890' -> '********7890'
-- example: '1234567890' -> '********890'
-- example: '12345' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9A-Za-z]{12,15}$' THEN concat('********', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 4))
  WHEN value RLIKE '^[0-9A-Za-z]{10,11}$' THEN concat('********', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
