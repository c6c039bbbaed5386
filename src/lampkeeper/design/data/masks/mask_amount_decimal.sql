-- mask_amount_decimal(value DECIMAL(38,6)) RETURNS DECIMAL(38,6)
-- class: financial_amount
-- reveals: the hundred it lies in, by the middle of it, and the sign
-- note: off by at most 50; a whole hundred never comes back as it is; needs two digits before the point and never more than it has
-- example: 1234.56 -> 1250
-- example: 1200.00 -> 1250
-- example: -1290.00 -> -1250
-- example: 99999.99 -> 99950
-- example: 12.34 -> 50
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value < 0 THEN try_cast(value - value % 100 - 50 AS DECIMAL(38,6))
  ELSE try_cast(value - value % 100 + 50 AS DECIMAL(38,6))
END
