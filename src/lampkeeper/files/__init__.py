"""Reads and writes the files of environments: HCL, SQL, tfvars, snapshots, draft history."""
