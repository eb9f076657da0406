"""Trimming: fewer input tokens, only where the whole conversation gets cheaper."""
