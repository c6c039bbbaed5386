-- A small lending schema in the Databricks dialect.
CREATE TABLE IF NOT EXISTS lending.core.borrowers (
  borrower_id BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY COMMENT 'Surrogate key',
  full_name STRING NOT NULL COMMENT 'Given and family name',
  national_id STRING COMMENT 'Number on the identity card',
  email STRING,
  mobile STRING,
  born_on DATE,
  address STRUCT<street: STRING, city: STRING, postcode: STRING>,
  monthly_income DECIMAL(12, 2) COMMENT 'Before tax, in the currency of the loan',
  consents MAP<STRING, BOOLEAN>,
  created_at TIMESTAMP
) USING DELTA COMMENT 'People who borrow' TBLPROPERTIES ('delta.enableDeletionVectors' = 'true');

CREATE TABLE IF NOT EXISTS lending.core.loans (
  loan_id BIGINT NOT NULL,
  borrower_id BIGINT NOT NULL,
  principal DECIMAL(14, 2),
  rate_percent DOUBLE,
  started_on DATE,
  status STRING COMMENT 'OPEN, PAID or WRITTEN_OFF',
  CONSTRAINT loans_pk PRIMARY KEY (loan_id)
) USING DELTA CLUSTER BY (borrower_id);
