CREATE TABLE `my-proj.crm.customers`
(
  id INT64 NOT NULL OPTIONS(description="key, of it"),
  email STRING(255) OPTIONS(policy_tags="x"),
  addr ARRAY<STRUCT<street STRING, zip STRING>>,
  bal BIGNUMERIC(38, 2) DEFAULT 0,
  PRIMARY KEY (id) NOT ENFORCED
)
PARTITION BY DATE(created)
CLUSTER BY id
OPTIONS(
  description="people",
  labels=[("a", "b")]
);
CREATE VIEW `my-proj.crm.v`
OPTIONS(description="v")
AS SELECT * EXCEPT (bal) FROM `my-proj.crm.customers`;
CREATE MATERIALIZED VIEW `my-proj.crm.mv` AS SELECT id, count(*) AS n FROM `my-proj.crm.customers` GROUP BY id;
ALTER TABLE `my-proj.crm.customers` ADD COLUMN IF NOT EXISTS phone STRING OPTIONS(description="p"), ADD COLUMN fax STRING;
CREATE TABLE `my-proj.crm.copy` COPY `my-proj.crm.customers`;
CREATE SNAPSHOT TABLE `my-proj.crm.snap` CLONE `my-proj.crm.customers`;
CREATE ROW ACCESS POLICY f ON `my-proj.crm.customers` GRANT TO ("a") FILTER USING (id > 0);
