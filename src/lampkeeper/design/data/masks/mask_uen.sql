-- mask_uen(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: the check letter
-- example: '00192200M' -> '*********M'
-- example: '0019' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^([0-9]{8,9}[A-Za-z]|[TSRtsr][0-9]{2}[A-Za-z]{2}[0-9]{4}[A-Za-z])$'
    THEN concat('*********', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 1))
  ELSE '[REDACTED]'
END
