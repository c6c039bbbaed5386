"""The command line: wires the packages, prints results, and turns outcomes into exit codes."""
