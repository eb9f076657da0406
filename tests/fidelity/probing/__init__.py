"""Bare against wrapped: what a program can observe of a client, recorded twice and compared whole."""
