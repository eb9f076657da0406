-- Note what was found. ARGV: time, and what it was.

touch(2)
return now
