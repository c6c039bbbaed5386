-- mask_idnr_de(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 11 digits
-- example: '36 574 261 809' -> '** *** *** 809'
-- example: '36574' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ ]?[0-9]){10}$'
    THEN concat('** *** *** ', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
