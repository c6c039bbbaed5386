-- mask_upi(value STRING) RETURNS STRING
-- class: bank_account
-- reveals: nothing but its shape
-- note: the handle would tell the payment app
-- example: 'asha.k@okbank' -> '***@***'
-- example: 'asha' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z0-9._-]{3,64}@[A-Za-z][A-Za-z0-9]{1,31}$' THEN '***@***'
  ELSE '[REDACTED]'
END
