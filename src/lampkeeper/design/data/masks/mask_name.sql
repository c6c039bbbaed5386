-- mask_name(value STRING) RETURNS STRING
-- class: name
-- reveals: first letter of names of 3 letters and more
-- example: 'Alice' -> 'A***'
-- example: 'Jo' -> '***'
-- example: '' -> '***'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN char_length(trim(value)) >= 3 AND trim(value) RLIKE '^[^0-9@ ]' THEN concat(left(trim(value), 1), '***')
  ELSE '***'
END
