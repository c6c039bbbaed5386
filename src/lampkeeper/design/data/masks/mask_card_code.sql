-- mask_card_code(value STRING) RETURNS STRING
-- class: card_security_code
-- reveals: nothing
-- example: '123' -> '***'
-- example: '1234' -> '***'
-- example: NULL -> NULL
CASE WHEN value IS NULL THEN NULL ELSE '***' END
