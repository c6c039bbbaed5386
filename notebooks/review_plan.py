# Databricks notebook source
# MAGIC %md
# MAGIC # Review a plan
# MAGIC
# MAGIC What a proposed plan would change, for whom: the lines that `lampkeeper approve HASH` shows before it asks. Approve it as
# MAGIC another principal than its proposer; every change is shown by `lampkeeper approve HASH --full`.

# COMMAND ----------

from lampkeeper.notebooks.page import ENVIRONMENT, Widget, open_page
from lampkeeper.notebooks.pages import review_plan

page = open_page(globals(), **ENVIRONMENT, plan_hash=Widget(label="Hash (empty: the newest)"))

# COMMAND ----------

shown = page.show(review_plan, page.envs, page.env, page["plan_hash"])

# COMMAND ----------

cells = ("LOOSENS", "opens", "narrows")
page.chart("Cells that change", {what: sum(row["what"] == what for row in shown.rows) for what in cells})
