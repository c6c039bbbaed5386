"""Promotion: the desired state of one environment under the catalog names of another."""
