-- mask_medicare(value STRING) RETURNS STRING
-- class: insurance_id
-- reveals: nothing but its shape
-- example: '2123 45670 1' -> '**** ***** *'
-- example: '2123' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){9,10}$' THEN '**** ***** *'
  ELSE '[REDACTED]'
END
