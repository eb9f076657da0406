-- Make room on a server that has no memory left, which keeps more than this: what is used least goes, as many bytes as
-- are wanted, and half of all at most. ARGV: time, bytes.

sweep(1000)
local total = tonumber(redis.call('HGET', root .. ':totals', 'size') or 0)
make_room(math.max(total - tonumber(ARGV[2]), total / 2))
return now
