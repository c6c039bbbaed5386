"""Spark Connect: what databricks-connect talks to, on the same address as the REST and on the same enforced path."""
