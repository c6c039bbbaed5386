"""Databricks SQL for the local workspace: parse, enforce, rewrite, run."""
