# Databricks notebook source
# MAGIC %md
# MAGIC # Labels with evidence
# MAGIC
# MAGIC What each column was found to be, and why. Undecided columns are masked until somebody decides.

# COMMAND ----------

from collections import Counter

from lampkeeper.launch.pages import bars, labels_with_evidence

dbutils.widgets.text("envs", "/Volumes/main/lampkeeper_ops/lampkeeper/envs", "Where the environments are")
dbutils.widgets.text("env", "dev", "Environment")
envs, env = dbutils.widgets.get("envs"), dbutils.widgets.get("env")

# COMMAND ----------

dbutils.widgets.dropdown("protect", "yes", ["yes", "no", "undecided"], "Protect")

shown = labels_with_evidence(envs, env, dbutils.widgets.get("protect"))
print(shown.summary)
displayHTML(shown.html())

# COMMAND ----------

kinds = Counter(row["label"].split("/")[0] for row in shown.rows)
displayHTML(bars("Labels", dict(kinds.most_common(15))))
