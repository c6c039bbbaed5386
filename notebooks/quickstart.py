# Databricks notebook source
# MAGIC %md
# MAGIC # Quickstart
# MAGIC
# MAGIC Where an environment stands. Run the job `governance` to bring it on; the other pages look closer.
# MAGIC On a workspace: add the bundle's wheel to this notebook's environment.

# COMMAND ----------

from lampkeeper.launch.pages import quickstart

dbutils.widgets.text("envs", "/Volumes/main/lampkeeper_ops/lampkeeper/envs", "Where the environments are")
dbutils.widgets.text("env", "dev", "Environment")
envs, env = dbutils.widgets.get("envs"), dbutils.widgets.get("env")

# COMMAND ----------

shown = quickstart(envs, env)
print(shown.summary)
displayHTML(shown.html())
