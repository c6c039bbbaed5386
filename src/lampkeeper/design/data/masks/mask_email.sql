-- mask_email(value STRING) RETURNS STRING
-- class: email
-- reveals: first letter of the local part, the domain
-- example: 'ana@bank.example' -> 'a***@bank.example'
-- example: 'a@bank.example' -> '[REDACTED]'
-- example: 'ana@@bank.example' -> '[REDACTED]'
-- example: '' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN char_length(value) <= 254 AND value RLIKE '^[A-Za-z0-9][A-Za-z0-9._%+-]{2,63}@[A-Za-z0-9-]{1,63}([.][A-Za-z0-9-]{1,63}){1,8}$'
    THEN concat(left(value, 1), '***', substring(value, instr(value, '@')))
  ELSE '[REDACTED]'
END
