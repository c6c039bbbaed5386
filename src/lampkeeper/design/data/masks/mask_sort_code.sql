-- mask_sort_code(value STRING) RETURNS STRING
-- class: bank_account
-- reveals: first 2 of 6 digits: the bank, not the branch
-- example: '20-00-00' -> '20-**-**'
-- example: '2000' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){5}$' THEN concat(left(regexp_replace(value, '[^0-9A-Za-z]', ''), 2), '-**-**')
  ELSE '[REDACTED]'
END
