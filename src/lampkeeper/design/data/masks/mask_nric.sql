-- mask_nric(value STRING) RETURNS STRING
-- class: national_id
-- reveals: first and last letter of 9
-- note: three digits and the letter would leave some 900 numbers, nine with the year of birth
-- example: 'S0012345B' -> 'S*******B'
-- example: 'S12' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[STFGMstfgm][0-9]{7}[A-Za-z]$'
    THEN concat(left(value, 1), '*******', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 1))
  ELSE '[REDACTED]'
END
