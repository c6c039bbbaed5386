-- mask_passport(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 2 of 7 to 10 letters and digits
-- example: 'LA123456' -> '*******56'
-- example: 'X12' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^([A-Za-z]{1,2}[0-9]{6,8}|[0-9]{9}|[A-Za-z][0-9]{7}[A-Za-z])$'
    THEN concat('*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 2))
  ELSE '[REDACTED]'
END
