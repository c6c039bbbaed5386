"""Databricks Apps as processes of this machine: their source, their environment, their logs."""
