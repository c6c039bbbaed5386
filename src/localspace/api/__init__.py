"""One module for each part of the REST surface; `localspace.server.routes` lists what they serve."""
