# Databricks notebook source
# MAGIC %md
# MAGIC # Review a plan
# MAGIC
# MAGIC What a proposed plan would change, for whom. To approve it: `lampkeeper approve HASH`, as another principal.

# COMMAND ----------

from lampkeeper.launch.pages import bars, newest_plan, review_plan

dbutils.widgets.text("envs", "/Volumes/main/lampkeeper_ops/lampkeeper/envs", "Where the environments are")
dbutils.widgets.text("env", "dev", "Environment")
envs, env = dbutils.widgets.get("envs"), dbutils.widgets.get("env")

# COMMAND ----------

dbutils.widgets.text("plan_hash", "", "Hash (empty: the newest)")

plan_hash = dbutils.widgets.get("plan_hash") or newest_plan(envs, env)
shown = review_plan(envs, env, plan_hash)
print(plan_hash, shown.summary)
displayHTML(shown.html())

# COMMAND ----------

counts = {what: sum(row["what"] == what for row in shown.rows) for what in ("LOOSENS", "opens", "tightens")}
displayHTML(bars("Cells that change", counts))
