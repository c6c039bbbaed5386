# Databricks notebook source
# MAGIC %md
# MAGIC # Drift
# MAGIC
# MAGIC Sensitive columns without protection, and tags on columns that no longer exist, for each audit.

# COMMAND ----------

from lampkeeper.notebooks.page import ENVIRONMENT, HISTORY, open_page

page = open_page(globals(), **ENVIRONMENT, history=HISTORY)

# COMMAND ----------

shown = page.history("drift")

# COMMAND ----------

page.chart("Forward drift, newest first", {row["recorded_at"]: int(row["forward"]) for row in shown.rows[:10]})
