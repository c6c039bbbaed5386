-- mask_amount_double(value DOUBLE) RETURNS DOUBLE
-- class: financial_amount
-- reveals: the amount to the nearest hundred
-- example: 1234.5D -> 1200.0D
-- example: NULL -> NULL
CASE WHEN value IS NULL THEN NULL ELSE round(value / 100) * 100 END
