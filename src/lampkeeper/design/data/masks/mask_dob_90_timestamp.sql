-- mask_dob_90_timestamp(value TIMESTAMP) RETURNS TIMESTAMP
-- class: dob
-- reveals: the year; one year for everybody of 90 and more
-- note: HIPAA 164.514(b)(2)(i)(C); the bucket moves on with the calendar
-- example: TIMESTAMP'1980-06-15 10:11:12' -> TIMESTAMP'1980-01-01 00:00:00'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  ELSE greatest(date_trunc('YEAR', value), CAST(make_date(year(current_date()) - 90, 1, 1) AS TIMESTAMP))
END
