"""Test data: tables with synthetic rows."""
