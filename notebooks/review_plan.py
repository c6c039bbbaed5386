# Databricks notebook source
# MAGIC %md
# MAGIC # Review a plan
# MAGIC
# MAGIC The changes of a proposed plan and whom they affect, as `lampkeeper approve HASH` shows them. Only a principal other than
# MAGIC the proposer can approve. `lampkeeper approve HASH --full` lists every change.

# COMMAND ----------

from lampkeeper.notebooks.page import ENVIRONMENT, Widget, open_page
from lampkeeper.notebooks.pages import review_plan

page = open_page(globals(), **ENVIRONMENT, plan_hash=Widget(label="Hash (empty: the newest)"))

# COMMAND ----------

shown = page.show(review_plan, page.envs, page.env, page["plan_hash"])

# COMMAND ----------

cells = ("widens access", "first access", "narrows access")
page.chart("Cells that change", {what: sum(row["what"] == what for row in shown.rows) for what in cells})
