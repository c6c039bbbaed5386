# Databricks notebook source
# MAGIC %md
# MAGIC # Who sees what
# MAGIC
# MAGIC Principal by column, from grants, policies, tags and memberships alone.

# COMMAND ----------

from lampkeeper.launch.pages import bars, who_sees_what

dbutils.widgets.text("envs", "/Volumes/main/lampkeeper_ops/lampkeeper/envs", "Where the environments are")
dbutils.widgets.text("env", "dev", "Environment")
envs, env = dbutils.widgets.get("envs"), dbutils.widgets.get("env")

# COMMAND ----------

dbutils.widgets.text("table", "", "Tables whose name holds")

shown = who_sees_what(envs, env, dbutils.widgets.get("table"))
print(shown.summary)
displayHTML(shown.html())

# COMMAND ----------

principals = shown.columns[2:]
masked = {p: sum(row[p].startswith("masked") for row in shown.rows) for p in principals}
displayHTML(bars("Masked columns by principal", masked))
