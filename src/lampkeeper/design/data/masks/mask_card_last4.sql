-- mask_card_last4(value STRING) RETURNS STRING
-- class: payment_card
-- reveals: last 4 of 13 to 19 digits
-- example: '4111 1111 1111 1111' -> '**** **** **** 1111'
-- example: '371449635398431' -> '**** **** **** 8431'
-- example: '1111' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){12,18}$' THEN concat('**** **** **** ', right(regexp_replace(value, '[ -]', ''), 4))
  ELSE '[REDACTED]'
END
