-- mask_medicare(value STRING) RETURNS STRING
-- class: insurance_id
-- reveals: last 3 of 10 or 11 digits
-- example: '2123 45670 1' -> '**** **** 701'
-- example: '2123' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){9,10}$'
    THEN concat('**** **** ', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
