# Databricks notebook source
# MAGIC %md
# MAGIC # Verification
# MAGIC
# MAGIC Results of the latest verifications, from the history table of the jobs.

# COMMAND ----------

from lampkeeper.notebooks.page import ENVIRONMENT, HISTORY, open_page

page = open_page(globals(), **ENVIRONMENT, history=HISTORY)

# COMMAND ----------

shown = page.history("verifications")

# COMMAND ----------

page.chart("Mismatches, newest first", {row["recorded_at"]: int(row["mismatches"]) for row in shown.rows[:10]})
