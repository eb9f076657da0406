"""One module for each command; see `tokeneff.cli._discovery`."""
