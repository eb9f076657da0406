"""The scripts of the Redis store of replies: each is one question, one round trip, and atomic."""
