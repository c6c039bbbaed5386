-- mask_diagnosis(value STRING) RETURNS STRING
-- class: health
-- reveals: first letter of an ICD-10 code: the chapter
-- note: three characters are whole codes of their own (I10)
-- example: 'E11.9' -> 'E**'
-- example: 'I10' -> 'I**'
-- example: 'diabetes' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[A-TV-Z][0-9][0-9AB]([.]?[0-9A-TV-Z]{1,4})?$' THEN concat(left(value, 1), '**')
  ELSE '[REDACTED]'
END
