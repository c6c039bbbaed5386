-- mask_routing(value STRING) RETURNS STRING
-- class: bank_account
-- reveals: first 2 of 9 digits: the district
-- note: the list of routing numbers is public: the last four digits would name the bank
-- example: '021000021' -> '02*******'
-- example: '0210' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{9}$' THEN concat(left(value, 2), '*******')
  ELSE '[REDACTED]'
END
