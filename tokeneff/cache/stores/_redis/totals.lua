-- How many values there are, their bytes, how many were let go; and whether more have to be swept. ARGV: time.

local more = sweep(1000) == 1000
local totals = redis.call('HMGET', root .. ':totals', 'size', 'evicted')
return { redis.call('HLEN', root .. ':about'), tonumber(totals[1] or 0), tonumber(totals[2] or 0), more and 1 or 0 }
