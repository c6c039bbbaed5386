-- mask_geo_double(value DOUBLE) RETURNS DOUBLE
-- class: geo
-- reveals: the coordinate to 0.1 degree (about 11 km)
-- example: 52.520008D -> 52.5D
-- example: NULL -> NULL
CASE WHEN value IS NULL THEN NULL ELSE round(value, 1) END
