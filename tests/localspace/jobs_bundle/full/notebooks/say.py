# Databricks notebook source
# MAGIC %md
# MAGIC Says a greeting.

# COMMAND ----------

dbutils.widgets.text("greeting", "nothing")  # noqa: F821
said = f"{dbutils.widgets.get('greeting')} world"  # noqa: F821
print(said)

# COMMAND ----------

dbutils.jobs.taskValues.set("words", len(said.split()))  # noqa: F821
dbutils.notebook.exit(said)  # noqa: F821
