"""Everything that trains: sweep files, data, the packed trainer, and the command line."""
