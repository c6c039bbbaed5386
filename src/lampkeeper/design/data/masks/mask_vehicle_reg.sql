-- mask_vehicle_reg(value STRING) RETURNS STRING
-- class: national_id
-- reveals: the state code
-- example: 'MH12AB1234' -> 'MH********'
-- example: 'MH' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z]{2}[ -]?[0-9]{1,2}[ -]?[A-Za-z]{0,3}[ -]?[0-9]{4}$' THEN concat(left(value, 2), '********')
  ELSE '[REDACTED]'
END
