# Databricks notebook source
# MAGIC %md
# MAGIC # Partner Connect certification
# MAGIC The result of the last run of `partnercert`: the report as a page, what stands in the way, what waits for a person.
# MAGIC The job `partner_connect` writes the evidence; the widget names its folder.

# COMMAND ----------

import json
from pathlib import Path

dbutils.widgets.text("evidence", "/Volumes/main/default/partnercert", "Evidence folder")
folder = Path(dbutils.widgets.get("evidence"))
report = folder / "report.json"
if not report.is_file():
    raise FileNotFoundError(f"no report in {folder}: run the job partner_connect first, or point the widget elsewhere")
result = json.loads(report.read_text(encoding="utf-8"))

# COMMAND ----------

displayHTML((folder / "report.html").read_text(encoding="utf-8"))

# COMMAND ----------

print(result["summary"])
print("stands in the way:", ", ".join(result["blocking"]) or "nothing")
print("waits for a person:", ", ".join(result["waiting"]) or "nobody")

# COMMAND ----------

# MAGIC %md
# MAGIC Record what a person has seen, beside the config:
# MAGIC `partnercert signoff P100 --config partner.json --who NAME --role product --evidence screen.png`
