-- mask_patient_id(value STRING) RETURNS STRING
-- class: health
-- reveals: nothing
-- example: 'P-1001' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  ELSE '[REDACTED]'
END
