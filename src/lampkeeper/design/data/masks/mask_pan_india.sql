-- mask_pan_india(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: first 2 and last 1 of 10: the kind of holder (fourth letter) is hidden
-- example: 'ABCPX1234D' -> 'AB*******D'
-- example: '4111111111111111' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z]{5}[0-9]{4}[A-Za-z]$'
    THEN concat(left(value, 2), '*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 1))
  ELSE '[REDACTED]'
END
