#!lua flags=allow-oom
-- What follows lets things go, and may be run by a server that has no memory left.
