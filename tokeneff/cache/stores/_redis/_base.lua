-- What every question shares. This file and the question's own are one script: one atomic call.
--
-- KEYS[1] is what all keys of a part begin with, in braces, so that they share a hash slot of a cluster:
--   :v:KEY   string  a value: "stored expires length", a line's end, labels of that length as JSON, the value
--   :l:KEY   string  who asks for it now: "until owner"
--   :used    zset    keys by when they were found
--   :due     zset    keys by when their values end, those that do
--   :about   hash    key -> "size stored expires labels"
--   :hits    hash    key -> how often it was found
--   :totals  hash    size, evicted
--   :secret  string  32 bytes
-- Values and leases end by themselves; the rest is put right by whoever comes next. ARGV[1] is the time, or empty.
--
-- Numbers are whole and below 2^53, which doubles hold exactly. They are never written by tostring(), which keeps 14
-- digits.

local root = KEYS[1]

local function exact(number)
    return string.format('%.0f', number)
end

-- The server's own clock is the one that its keys expire by. Tests may bring another for what is reckoned.
local clock = redis.call('TIME')
local now = tonumber(ARGV[1]) or (tonumber(clock[1]) * 1000000 + tonumber(clock[2]))

-- Let go what was noted of a value.
local function unnote(key)
    local about = redis.call('HGET', root .. ':about', key)
    if about then
        redis.call('HINCRBY', root .. ':totals', 'size', '-' .. string.match(about, '^%d+'))
        redis.call('HDEL', root .. ':about', key)
        redis.call('HDEL', root .. ':hits', key)
        redis.call('ZREM', root .. ':used', key)
        redis.call('ZREM', root .. ':due', key)
    end
end

-- Let a value go, and what was noted of it; whether it was there. (A server without memory lets a script write that has
-- begun by making some.)
local function forget(key)
    local there = redis.call('UNLINK', root .. ':v:' .. key) == 1
    unnote(key)
    return there
end

-- Let go what is past its time, so many at most; how many it were.
local function sweep(most)
    local over = redis.call('ZRANGEBYSCORE', root .. ':due', '-inf', exact(now), 'LIMIT', 0, most)
    for _, key in ipairs(over) do
        forget(key)
    end
    return #over
end

-- Note what was found: key, when, how often, from this argument on.
local function touch(first)
    for at = first, #ARGV, 3 do
        if redis.call('HEXISTS', root .. ':about', ARGV[at]) == 1 then
            redis.call('ZADD', root .. ':used', 'XX', 'GT', ARGV[at + 1], ARGV[at])
            redis.call('HINCRBY', root .. ':hits', ARGV[at], ARGV[at + 2])
        end
    end
end

-- Let go what was used least recently, until as many bytes are there at most; nil where that does not help.
local function make_room(limit)
    local size = tonumber(redis.call('HGET', root .. ':totals', 'size') or 0)
    while size > limit do
        local least = redis.call('ZRANGE', root .. ':used', 0, 15)
        if #least == 0 then
            -- The server evicted what was noted here, and whoever has it do so has it keep room as well.
            redis.call('DEL', root .. ':totals')
            return
        end
        for _, key in ipairs(least) do
            if size > limit then
                forget(key)
                redis.call('HINCRBY', root .. ':totals', 'evicted', 1)
                size = tonumber(redis.call('HGET', root .. ':totals', 'size') or 0)
            end
        end
    end
end
