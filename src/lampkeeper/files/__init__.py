"""Text and the env folder: HCL, SQL, tfvars, snapshots and history, read and written."""
