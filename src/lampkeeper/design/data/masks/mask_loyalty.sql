-- mask_loyalty(value STRING) RETURNS STRING
-- class: person_ref
-- reveals: last 4 of 12 to 34 letters and digits, last 3 of 9 to 11
-- example: '4000123412341234' -> '****1234'
-- example: '123456789' -> '****789'
-- example: '1234567' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9A-Za-z]([ -]?[0-9A-Za-z]){11,33}$'
    THEN concat('****', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 4))
  WHEN value RLIKE '^[0-9A-Za-z]([ -]?[0-9A-Za-z]){8,10}$'
    THEN concat('****', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
