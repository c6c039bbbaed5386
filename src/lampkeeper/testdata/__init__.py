"""Test data: tables with invented rows."""
