-- mask_tin_my(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 9 to 14 letters and digits
-- example: 'IG12345678901' -> '*******901'
-- example: 'IG123' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z]{0,2}[ ]?[0-9]{9,12}$'
    THEN concat('*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
