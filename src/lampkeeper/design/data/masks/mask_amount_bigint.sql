-- mask_amount_bigint(value BIGINT) RETURNS BIGINT
-- class: financial_amount
-- reveals: the hundred it lies in, by the middle of it, and the sign
-- note: off by at most 50 (57 at the ends of the type); a whole hundred never comes back as it is
-- example: 1234 -> 1250
-- example: 1200 -> 1250
-- example: 0 -> 50
-- example: -1290 -> -1250
-- example: 9223372036854775807 -> 9223372036854775750
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value >= 9223372036854775700 THEN 9223372036854775750
  WHEN value <= -9223372036854775700 THEN -9223372036854775750
  WHEN value < 0 THEN value - value % 100 - 50
  ELSE value - value % 100 + 50
END
