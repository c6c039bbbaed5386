-- mask_geo_decimal(value DECIMAL(38,12)) RETURNS DECIMAL(38,12)
-- class: geo
-- reveals: the coordinate cut to 0.1 degree (about 11 km)
-- example: 52.520008 -> 52.5
-- example: -33.868820 -> -33.8
-- example: NULL -> NULL
CASE WHEN value IS NULL THEN NULL ELSE value - value % 0.1 END
