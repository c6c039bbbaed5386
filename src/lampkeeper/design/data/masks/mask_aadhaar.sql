-- mask_aadhaar(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 4 of 12 digits
-- note: the regulator allows the last four
-- example: '9999 4105 7058' -> '**** **** 7058'
-- example: '99994105705' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){11}$'
    THEN concat('**** **** ', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 4))
  ELSE '[REDACTED]'
END
