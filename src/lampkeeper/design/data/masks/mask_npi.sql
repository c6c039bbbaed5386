-- mask_npi(value STRING) RETURNS STRING
-- class: health
-- reveals: last 3 of 10 digits
-- note: the register is public: this hides the provider from a reader, not from a search
-- example: '1234567893' -> '*******893'
-- example: '1234' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){9}$' THEN concat('*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
