-- mask_null_binary(value BINARY) RETURNS BINARY
-- class: any
-- reveals: nothing
-- example: X'0A0B' -> NULL
-- example: NULL -> NULL
CAST(NULL AS BINARY)
