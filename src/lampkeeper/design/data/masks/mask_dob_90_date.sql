-- mask_dob_90_date(value DATE) RETURNS DATE
-- class: dob
-- reveals: the year; one year for everybody of 90 and more
-- note: HIPAA 164.514(b)(2)(i)(C); the bucket moves on with the calendar, so a birth year may change once, into the bucket
-- example: DATE'1980-06-15' -> DATE'1980-01-01'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  ELSE greatest(CAST(trunc(value, 'YEAR') AS DATE), make_date(year(current_date()) - 90, 1, 1))
END
