-- mask_upi(value STRING) RETURNS STRING
-- class: bank_account
-- reveals: the handle of the payment app, nothing of the name
-- example: 'asha.k@okbank' -> '***@okbank'
-- example: 'asha' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z0-9._-]{3,64}@[A-Za-z][A-Za-z0-9]{1,31}$'
    THEN concat('***@', regexp_replace(substring_index(value, '@', -1), '[^0-9A-Za-z]', ''))
  ELSE '[REDACTED]'
END
