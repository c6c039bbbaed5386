-- mask_medical_record(value STRING) RETURNS STRING
-- class: health
-- reveals: nothing
-- example: 'MRN0012345' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  ELSE '[REDACTED]'
END
