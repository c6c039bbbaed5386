# Databricks notebook source
# MAGIC %md
# MAGIC # Verification
# MAGIC
# MAGIC What the last verifications found, from the table that the jobs append to.

# COMMAND ----------

from lampkeeper.notebooks.page import ENVIRONMENT, HISTORY, open_page

page = open_page(globals(), **ENVIRONMENT, history=HISTORY)

# COMMAND ----------

shown = page.history("verifications")

# COMMAND ----------

page.chart("Mismatches, newest first", {row["recorded_at"]: int(row["mismatches"]) for row in shown.rows[:10]})
