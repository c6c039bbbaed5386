# Databricks notebook source
# MAGIC %md
# MAGIC # Verification
# MAGIC
# MAGIC What the last verifications found, from the table that the jobs append to.

# COMMAND ----------

from lampkeeper.launch.pages import bars, summed

dbutils.widgets.text("envs", "/Volumes/main/lampkeeper_ops/lampkeeper/envs", "Where the environments are")
dbutils.widgets.text("env", "dev", "Environment")
envs, env = dbutils.widgets.get("envs"), dbutils.widgets.get("env")

# COMMAND ----------

dbutils.widgets.text("history", "main.lampkeeper_ops", "Schema of the history")

schema = dbutils.widgets.get("history")
query = "SELECT * FROM IDENTIFIER(:t) WHERE env = :env ORDER BY recorded_at DESC LIMIT 50"
rows = [r.asDict() for r in spark.sql(query, {"t": f"{schema}.verifications", "env": env}).collect()]
shown = summed(f"Verifications of {env}", rows)
print(shown.summary, "" if not rows else f"; last: {rows[0]['mismatches']} mismatches in {rows[0]['cells']} cells")
displayHTML(shown.html())

# COMMAND ----------

displayHTML(bars("Mismatches, newest first", {str(r["recorded_at"]): int(r["mismatches"]) for r in rows[:10]}))
