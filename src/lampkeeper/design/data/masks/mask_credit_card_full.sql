-- mask_credit_card_full(value STRING) RETURNS STRING
-- class: payment_card
-- reveals: nothing
-- example: '4111111111111111' -> '**** **** **** ****'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  ELSE '**** **** **** ****'
END
