"""The second engine: Terraform or OpenTofu writes what the provider has resources for, the direct engine writes the rest."""
