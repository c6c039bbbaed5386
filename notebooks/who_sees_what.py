# Databricks notebook source
# MAGIC %md
# MAGIC # Who sees what
# MAGIC
# MAGIC The access of each principal to each column, computed from grants, policies, tags and memberships.

# COMMAND ----------

from lampkeeper.notebooks.page import ENVIRONMENT, Widget, open_page
from lampkeeper.notebooks.pages import who_sees_what

page = open_page(globals(), **ENVIRONMENT, table=Widget(label="Tables whose name contains"))

# COMMAND ----------

shown = page.show(who_sees_what, page.envs, page.env, page["table"])

# COMMAND ----------

principals = shown.columns[2:]
page.chart("Masked columns by principal", {p: sum(row[p].startswith("masked") for row in shown.rows) for p in principals})
