"""The only sockets: clients, catalog reads, statements, spaces, models."""
