-- mask_nhi(value STRING) RETURNS STRING
-- class: health
-- reveals: last 2 of 7 letters and digits
-- note: a first letter and a check digit more would be three of seven
-- example: 'ZZZ0016' -> '*****16'
-- example: 'ZZZ00AX' -> '*****AX'
-- example: 'ZZZ' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z]{3}[0-9]{2}([0-9]{2}|[A-Za-z]{2})$'
    THEN concat('*****', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
