"""All network access of lampkeeper: clients, catalog reads, statements, Genie spaces, models."""
