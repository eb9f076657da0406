"""The parts of the Redis store: its URLs, its connections, and the scripts that the server runs.

One step of a store is one script, and so one round trip. ``_base.lua`` says which keys there are.
"""
