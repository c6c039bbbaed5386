-- mask_bpjs(value STRING) RETURNS STRING
-- class: insurance_id
-- reveals: last 4 of 13 digits, last 3 of 11
-- example: '0001234567890' -> '*********7890'
-- example: '12345678901' -> '*********901'
-- example: '0001' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{13}$' THEN concat('*********', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 4))
  WHEN value RLIKE '^[0-9]{11}$' THEN concat('*********', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
