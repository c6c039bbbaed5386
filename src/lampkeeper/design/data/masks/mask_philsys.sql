-- mask_philsys(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 4 of 12 or 16 digits
-- example: '1234-5678-9012' -> '****-****-9012'
-- example: '1234' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){11}$|^[0-9]([ -]?[0-9]){15}$'
    THEN concat('****-****-', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 4))
  ELSE '[REDACTED]'
END
