"""Rules and writes of the workspace, callable from REST and from SQL alike, without HTTP."""
