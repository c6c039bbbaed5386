-- mask_nino(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 2 of 9
-- example: 'QQ 12 34 56 C' -> '** ** ** *6C'
-- example: 'QQ12' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z]{2}[ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[A-Da-d]$'
    THEN concat('** ** ** *', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
