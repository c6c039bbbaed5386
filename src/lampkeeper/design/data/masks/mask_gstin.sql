-- mask_gstin(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: state code and last 2 of 15
-- note: holds a PAN
-- example: '27AAPFU0939F1ZV' -> '27***********ZV'
-- example: '27AAPFU' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{2}[A-Za-z]{5}[0-9]{4}[A-Za-z][0-9A-Za-z]{3}$'
    THEN concat(left(value, 2), '***********', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
