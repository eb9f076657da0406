"""Make every token earn its place."""
