# Databricks notebook source
# MAGIC %md
# MAGIC # Labels with evidence
# MAGIC
# MAGIC The label of each column and its evidence. Undecided columns stay masked until a steward decides.

# COMMAND ----------

from collections import Counter

from lampkeeper.notebooks.page import ENVIRONMENT, Widget, open_page
from lampkeeper.notebooks.pages import labels_with_evidence

page = open_page(globals(), **ENVIRONMENT, protect=Widget(label="Protect", default="yes", choices=("yes", "no", "undecided")))

# COMMAND ----------

shown = page.show(labels_with_evidence, page.envs, page.env, page["protect"])

# COMMAND ----------

kinds = Counter(row["label"].split("/")[0] for row in shown.rows)
page.chart("Labels", dict(kinds.most_common(15)))
