-- mask_dl_india(value STRING) RETURNS STRING
-- class: national_id
-- reveals: last 3 of 15: state, office and year may be known, so four digits of the serial stay hidden
-- example: 'MH12 20110012345' -> '************345'
-- example: 'MH12' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-Za-z]{2}[ -]?[0-9]{2}[ -]?[0-9]{11}$'
    THEN concat('************', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
