-- mask_address(value STRING) RETURNS STRING
-- class: address
-- reveals: nothing
-- example: '12 High Street' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  ELSE '[REDACTED]'
END
