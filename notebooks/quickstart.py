# Databricks notebook source
# MAGIC %md
# MAGIC # Quickstart
# MAGIC
# MAGIC The progress of an environment. The job `governance` advances it; the other pages show details.
# MAGIC In a workspace, add the bundle's wheel to this notebook's environment. On a laptop, run
# MAGIC `python notebooks/quickstart.py env=dev`.

# COMMAND ----------

from lampkeeper.notebooks.page import ENVIRONMENT, open_page
from lampkeeper.notebooks.pages import quickstart

page = open_page(globals(), **ENVIRONMENT)

# COMMAND ----------

shown = page.show(quickstart, page.envs, page.env)
