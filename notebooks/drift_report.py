# Databricks notebook source
# MAGIC %md
# MAGIC # Drift
# MAGIC
# MAGIC Sensitive columns that nothing covers, and tags on columns that are gone, audit by audit.

# COMMAND ----------

from lampkeeper.launch.pages import bars, summed

dbutils.widgets.text("envs", "/Volumes/main/lampkeeper_ops/lampkeeper/envs", "Where the environments are")
dbutils.widgets.text("env", "dev", "Environment")
envs, env = dbutils.widgets.get("envs"), dbutils.widgets.get("env")

# COMMAND ----------

dbutils.widgets.text("history", "main.lampkeeper_ops", "Schema of the history")

schema = dbutils.widgets.get("history")
query = "SELECT * FROM IDENTIFIER(:t) WHERE env = :env ORDER BY recorded_at DESC LIMIT 50"
rows = [r.asDict() for r in spark.sql(query, {"t": f"{schema}.drift", "env": env}).collect()]
shown = summed(f"Drift of {env}", rows)
print(shown.summary, "" if not rows else f"; last: {rows[0]['forward']} forward, {rows[0]['reverse']} reverse")
displayHTML(shown.html())

# COMMAND ----------

displayHTML(bars("Forward drift, newest first", {str(r["recorded_at"]): int(r["forward"]) for r in rows[:10]}))
