-- filter_unreviewed() RETURNS BOOLEAN
-- class: any
-- reveals: no row
-- note: for tables that nobody has reviewed
-- example: () -> FALSE
FALSE
