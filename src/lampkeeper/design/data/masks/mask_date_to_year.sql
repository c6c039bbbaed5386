-- mask_date_to_year(value DATE) RETURNS DATE
-- class: dob
-- reveals: the year
-- example: DATE'1980-06-15' -> DATE'1980-01-01'
-- example: DATE'1980-01-01' -> DATE'1980-01-01'
-- example: NULL -> NULL
CAST(trunc(value, 'YEAR') AS DATE)
