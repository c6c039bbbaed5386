-- mask_voter_id(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 3 of 10 letters and digits
-- example: 'WKH1186253' -> '*******253'
-- example: 'WKH' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z]{3}[0-9]{7}$' THEN concat('*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
