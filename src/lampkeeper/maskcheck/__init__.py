"""The masking safety checklist, run on every mask of the library."""
