-- mask_iban(value STRING) RETURNS STRING
-- class: bank_account
-- reveals: country and last 2
-- note: four last characters would leave some 90 accounts of a small country's bank
-- example: 'DE89 3704 0044 0532 0130 00' -> 'DE** **** **00'
-- example: 'DE89' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z]{2}[0-9]{2}([ ]?[0-9A-Za-z]){11,30}$'
    THEN concat(left(value, 2), '** **** **', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
