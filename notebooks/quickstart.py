# Databricks notebook source
# MAGIC %md
# MAGIC # Quickstart
# MAGIC
# MAGIC Where an environment stands. Run the job `governance` to bring it on; the other pages look closer.
# MAGIC On a workspace: add the bundle's wheel to this notebook's environment. On a laptop:
# MAGIC `python notebooks/quickstart.py env=dev`.

# COMMAND ----------

from lampkeeper.notebooks.page import ENVIRONMENT, open_page
from lampkeeper.notebooks.pages import quickstart

page = open_page(globals(), **ENVIRONMENT)

# COMMAND ----------

shown = page.show(quickstart, page.envs, page.env)
