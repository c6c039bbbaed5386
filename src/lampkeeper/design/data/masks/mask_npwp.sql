-- mask_npwp(value STRING) RETURNS STRING
-- class: tax_id
-- reveals: last 3 of 15 digits; nothing of 16, which is the citizen number
-- example: '01.312.166.0-091.000' -> '**.***.***.*-***.000'
-- example: '3171014508900003' -> '****************'
-- example: '0131' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^[0-9]{2}[.]?[0-9]{3}[.]?[0-9]{3}[.]?[0-9][-.]?[0-9]{3}[.]?[0-9]{3}$'
    THEN concat('**.***.***.*-***.', right(regexp_replace(value, '[^0-9A-Za-z]', ''), 3))
  WHEN value RLIKE '^[0-9]{16}$' THEN '****************'
  ELSE '[REDACTED]'
END
