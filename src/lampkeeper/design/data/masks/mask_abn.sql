-- mask_abn(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 11 digits
-- note: the register is public: this hides the firm from a reader, not from a search
-- example: '51 824 753 556' -> '** *** *** 556'
-- example: '51 824' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]([ -]?[0-9]){10}$'
    THEN concat('** *** *** ', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  ELSE '[REDACTED]'
END
