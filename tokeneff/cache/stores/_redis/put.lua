-- Keep a value: 1, or 0 where it is not to be kept. ARGV: time, key, value, labels, ttl or empty, stored or empty,
-- limit, and what was found lately.

local key, value, labels, ttl = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local stored, limit = tonumber(ARGV[6]) or now, tonumber(ARGV[7])
local size = 32 + #value
if size > limit or (ttl and ttl <= 0) then
    forget(key)
    touch(8)
    return { 0, now }
end
local expires = ttl and exact(now + ttl) or '-'
local kept = exact(stored) .. ' ' .. expires .. ' ' .. #labels .. '\n' .. labels .. value
-- Before anything else is written, for this is what a server without memory refuses.
if ttl then
    redis.call('SET', root .. ':v:' .. key, kept, 'PX', exact(math.ceil(ttl / 1000)))
else
    redis.call('SET', root .. ':v:' .. key, kept)
end
touch(8)
unnote(key)
sweep(100)
make_room(limit - size)
redis.call('HSET', root .. ':about', key, size .. ' ' .. exact(stored) .. ' ' .. expires .. ' ' .. labels)
redis.call('ZADD', root .. ':used', exact(now), key)
if ttl then
    redis.call('ZADD', root .. ':due', exact(now + ttl), key)
end
redis.call('HINCRBY', root .. ':totals', 'size', size)
return { 1, now }
