-- Keep a value: 1, or 0 where it is not to be kept. ARGV: time, key, value, labels, ttl or empty, stored or empty,
-- limit, and what was found lately.

local key, value, labels, ttl = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local stored, limit = tonumber(ARGV[6]) or now, tonumber(ARGV[7])
local size = 32 + #value
touch(8)
sweep(100)
forget(key)
if size > limit or (ttl and ttl <= 0) then
    return { 0, now }
end
make_room(limit - size)
local expires = ttl and exact(now + ttl) or '-'
local kept = exact(stored) .. ' ' .. expires .. ' ' .. #labels .. '\n' .. labels .. value
if ttl then
    redis.call('SET', root .. ':v:' .. key, kept, 'PX', exact(math.ceil(ttl / 1000)))
else
    redis.call('SET', root .. ':v:' .. key, kept)
end
redis.call('HSET', root .. ':about', key, size .. ' ' .. exact(stored) .. ' ' .. expires .. ' ' .. labels)
redis.call('ZADD', root .. ':used', exact(now), key)
if ttl then
    redis.call('ZADD', root .. ':due', exact(now + ttl), key)
end
redis.call('HINCRBY', root .. ':totals', 'size', size)
return { 1, now }
