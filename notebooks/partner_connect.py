# Databricks notebook source
# MAGIC %md
# MAGIC # Partner Connect certification
# MAGIC
# MAGIC The result of the last run of `partnercert`: its report, results that block the certification, results that wait for a
# MAGIC person.
# MAGIC The job `partner_connect` writes the evidence; the widget names its folder.

# COMMAND ----------

from lampkeeper.notebooks.page import Widget, open_page
from lampkeeper.notebooks.pages import certification, certification_report

page = open_page(globals(), evidence=Widget(label="Evidence folder", default="/Volumes/main/default/partnercert"))

# COMMAND ----------

page.html(certification_report, page["evidence"])

# COMMAND ----------

shown = page.show(certification, page["evidence"])

# COMMAND ----------

# MAGIC %md
# MAGIC To record a person's observation, run beside the config:
# MAGIC `partnercert signoff P100 --config partner.json --who NAME --role product --evidence screen.png`
