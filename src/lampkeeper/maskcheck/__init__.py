"""The checklist of masking safety, run over every mask of the library."""
