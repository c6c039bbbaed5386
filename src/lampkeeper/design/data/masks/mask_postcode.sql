-- mask_postcode(value STRING) RETURNS STRING
-- class: address
-- reveals: first 3 of a 5-digit ZIP code whose area holds more than 20,000 people
-- note: HIPAA 164.514(b)(2)(i)(B); the list is of the 2000 census
-- example: '94105' -> '941**'
-- example: '03601' -> '***'
-- example: '2000' -> '***'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{5}(-[0-9]{4})?$' AND left(value, 3) NOT IN
    ('036', '059', '063', '102', '203', '556', '692', '790', '821', '823', '830', '831', '878', '879', '884', '890', '893')
    THEN concat(left(value, 3), '**')
  ELSE '***'
END
