-- mask_amount_double(value DOUBLE) RETURNS DOUBLE
-- class: financial_amount
-- reveals: the hundred it lies in, by the middle of it, and the sign
-- note: off by at most 50; NULL from 1e13 on, where a double no longer tells cents apart
-- example: 1234.5D -> 1250.0D
-- example: 1200.0D -> 1250.0D
-- example: -1290.0D -> -1250.0D
-- example: 1.0E300D -> NULL
-- example: NULL -> NULL
CASE
  WHEN value IS NULL OR abs(value) >= 1.0E13D THEN NULL
  WHEN value < 0 THEN value - value % 100 - 50
  ELSE value - value % 100 + 50
END
