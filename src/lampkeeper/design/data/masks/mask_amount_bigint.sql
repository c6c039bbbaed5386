-- mask_amount_bigint(value BIGINT) RETURNS BIGINT
-- class: financial_amount
-- reveals: the amount to the nearest hundred
-- example: 1234 -> 1200
-- example: 1250 -> 1300
-- example: -1250 -> -1300
-- example: 9223372036854775807 -> 9223372036854775800
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value % 100 >= 50 THEN value - value % 100 + 100
  WHEN value % 100 <= -50 THEN value - value % 100 - 100
  ELSE value - value % 100
END
