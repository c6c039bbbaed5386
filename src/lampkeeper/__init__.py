"""Lampkeeper: a Databricks Genie space on governed data, written as code and proved by queries."""
