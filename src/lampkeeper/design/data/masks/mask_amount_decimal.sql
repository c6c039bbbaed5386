-- mask_amount_decimal(value DECIMAL(38,6)) RETURNS DECIMAL(38,6)
-- class: financial_amount
-- reveals: the amount to the nearest hundred
-- note: rounding up never adds a digit, so that the column's own type always holds the result
-- example: 1234.56 -> 1200
-- example: -1250.00 -> -1300
-- example: 99999.99 -> 99900
-- example: 12.34 -> 0
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN char_length(CAST(round(value, -2) AS STRING)) > char_length(substring_index(CAST(value AS STRING), '.', 1)) THEN value - value % 100
  ELSE try_cast(round(value, -2) AS DECIMAL(38,6))
END
