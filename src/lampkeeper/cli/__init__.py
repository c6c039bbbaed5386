"""The command line: wires the rooms, prints, and turns outcomes into exit codes."""
