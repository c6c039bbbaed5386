-- mask_phone(value STRING) RETURNS STRING
-- class: phone
-- reveals: last 3 of 9 to 15 digits
-- example: '+61 412 345 678' -> '***-***-678'
-- example: '555-0101' -> '[REDACTED]'
-- example: 'call me' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[+(]?[0-9][0-9 ().-]{7,23}$' AND char_length(regexp_replace(value, '[^0-9]', '')) BETWEEN 9 AND 15
    THEN concat('***-***-', right(regexp_replace(value, '[^0-9]', ''), 3))
  ELSE '[REDACTED]'
END
