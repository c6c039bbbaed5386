"""One module for each part of the REST surface; `localspace.routes` lists what they serve."""
