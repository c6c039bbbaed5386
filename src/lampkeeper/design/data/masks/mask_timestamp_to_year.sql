-- mask_timestamp_to_year(value TIMESTAMP) RETURNS TIMESTAMP
-- class: dob
-- reveals: the year
-- example: TIMESTAMP'1980-06-15 10:11:12' -> TIMESTAMP'1980-01-01 00:00:00'
-- example: NULL -> NULL
date_trunc('YEAR', value)
