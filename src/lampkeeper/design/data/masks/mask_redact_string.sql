-- mask_redact_string(value STRING) RETURNS STRING
-- class: any
-- reveals: nothing
-- example: '12 High Street' -> '[REDACTED]'
-- example: '' -> '[REDACTED]'
-- example: NULL -> NULL
CASE WHEN value IS NULL THEN NULL ELSE '[REDACTED]' END
