-- mask_id_tail(value STRING) RETURNS STRING
-- class: bank_account
-- reveals: last 3 of 9 to 11 letters and digits, last 4 of 12 to 34
-- example: 'AU1234567890123' -> '****0123'
-- example: '123456789' -> '****789'
-- example: '12345678' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z0-9][A-Za-z0-9 -]{8,43}$' AND char_length(regexp_replace(value, '[ -]', '')) BETWEEN 12 AND 34
    THEN concat('****', right(regexp_replace(value, '[ -]', ''), 4))
  WHEN value RLIKE '^[A-Za-z0-9][A-Za-z0-9 -]{8,43}$' AND char_length(regexp_replace(value, '[ -]', '')) BETWEEN 9 AND 11
    THEN concat('****', right(regexp_replace(value, '[ -]', ''), 3))
  ELSE '[REDACTED]'
END
