-- mask_dob_90_text(value STRING) RETURNS STRING
-- class: dob
-- reveals: the year of an ISO date; one year for everybody of 90 and more
-- note: HIPAA 164.514(b)(2)(i)(C); the bucket moves on with the calendar
-- example: '1980-06-15' -> '1980'
-- example: '15/06/80' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'
    THEN CAST(greatest(CAST(left(value, 4) AS INT), year(current_date()) - 90) AS STRING)
  ELSE '[REDACTED]'
END
