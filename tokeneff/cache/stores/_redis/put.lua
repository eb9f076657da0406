-- Keep a value: 1, 0 where it is not to be kept, -1 where the server has no memory. ARGV: time, key, value, labels,
-- ttl or empty, stored or empty, limit, and what was found lately.

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
local done
if ttl then
    done = redis.pcall('SET', root .. ':v:' .. key, kept, 'PX', exact(math.ceil(ttl / 1000)))
else
    done = redis.pcall('SET', root .. ':v:' .. key, kept)
end
if done.err then
    if string.sub(done.err, 1, 3) ~= 'OOM' then
        return done
    end
    -- Of a server that keeps more than this, what is used least makes room all the same, for the next one.
    local total = tonumber(redis.call('HGET', root .. ':totals', 'size') or 0)
    make_room(math.max(total - size, total / 2))
    return { -1, now }
end
redis.call('HSET', root .. ':about', key, size .. ' ' .. exact(stored) .. ' ' .. expires .. ' ' .. labels)
redis.call('ZADD', root .. ':used', exact(now), key)
if ttl then
    redis.call('ZADD', root .. ':due', exact(now + ttl), key)
end
redis.call('HINCRBY', root .. ':totals', 'size', size)
return { 1, now }
