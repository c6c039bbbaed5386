-- filter_aml_level(flag STRING) RETURNS BOOLEAN
-- class: compliance
-- reveals: rows whose flag says that nothing was found
-- note: an unknown word or no word hides the row
-- example: 'CLEAR' -> TRUE
-- example: 'HIGH_RISK' -> FALSE
-- example: 'REVIEW' -> FALSE
-- example: NULL -> FALSE
CASE
  WHEN flag IS NULL THEN FALSE
  ELSE upper(trim(flag)) IN ('CLEAR', 'CLEARED', 'NONE', 'NO', 'N', 'FALSE', '0', 'LOW', 'OK', 'NORMAL', 'PASSED')
END
