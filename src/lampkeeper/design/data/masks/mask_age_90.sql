-- mask_age_90(value BIGINT) RETURNS BIGINT
-- class: dob
-- reveals: the age up to 89; 90 for everybody older
-- note: HIPAA 164.514(b)(2)(i)(C)
-- example: 42 -> 42
-- example: 89 -> 89
-- example: 90 -> 90
-- example: 103 -> 90
-- example: NULL -> NULL
CASE WHEN value IS NULL THEN NULL WHEN value > 89 THEN 90 ELSE value END
