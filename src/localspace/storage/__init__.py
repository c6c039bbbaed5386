"""Contents on disk: the workspace tree, volumes, notebooks in source form."""
