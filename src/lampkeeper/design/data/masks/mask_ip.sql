-- mask_ip(value STRING) RETURNS STRING
-- class: ip_device
-- reveals: first half of an IPv4 address
-- example: '203.0.113.9' -> '203.0.x.x'
-- example: '0.0.0.0' -> '0.0.x.x'
-- example: '2001:db8::1' -> '[REDACTED]'
-- example: NULL -> NULL
CASE
  WHEN value IS NULL THEN NULL
  WHEN value RLIKE '^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])([.](25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}$'
    THEN concat(substring_index(value, '.', 2), '.x.x')
  ELSE '[REDACTED]'
END
