-- What every step shares. This file, _accounts.lua, _holds.lua and the step's own are one script: one atomic call.
--
-- KEYS[1] is what all keys of a group begin with, in braces, so that they share a hash slot of a cluster:
--   :a:ACCOUNT  hash    spent, held, limits, topped as "usd tokens requests", what the account is
--   :b:ACCOUNT  hash    rolling windows: when a bucket begins -> what was spent in it
--   :m:ACCOUNT  hash    what of it was told once -> when
--   :h:HOLD     hash    a hold: its claims as they were asked, amounts, floor, since, expires
--   :e:HOLD     hash    a hold whose lease ran out: what was charged where, for a day
--   :s:HOLD     string  a hold that was settled, for a day
--   :leases     zset    holds by when their leases end
--   :accounts   zset    accounts by when they are forgotten (seconds)
--   :journal    stream
-- ARGV[1] is what is asked, as JSON; ARGV[2] the claims, as JSON.
--
-- Amounts and times are whole numbers below 2^53, which doubles hold exactly. They are never written by tostring() or
-- by cjson, which keep 14 digits.

local root = KEYS[1]
local ask = cjson.decode(ARGV[1])

local DAY = 86400
local SETTLED_KEPT = DAY
local WINDOW_KEPT = 35 * DAY -- after its end
local SESSION_KEPT = 90 * DAY -- after its last use
local FOR_EVER = 36500 * DAY
local JOURNAL = 100000
local AT_ONCE = 1000 -- leases reclaimed by one step

local function exact(number)
    return string.format('%.0f', number)
end

local function written(triple)
    local text = {}
    for unit = 1, 3 do
        text[unit] = triple[unit] and exact(triple[unit]) or '-'
    end
    return table.concat(text, ' ')
end

local function read(text)
    local one, two, three = string.match(text or '0 0 0', '(%S+) (%S+) (%S+)')
    return { tonumber(one), tonumber(two), tonumber(three) } -- no number, '-', is nil
end

local function plus(one, other)
    return { one[1] + other[1], one[2] + other[2], one[3] + other[3] }
end

local function minus(one, other)
    return { one[1] - other[1], one[2] - other[2], one[3] - other[3] }
end

local function most(one, other)
    return { math.max(one[1], other[1]), math.max(one[2], other[2]), math.max(one[3], other[3]) }
end

local function nothing(triple)
    return triple[1] == 0 and triple[2] == 0 and triple[3] == 0
end

local ZERO = { 0, 0, 0 }

-- The server's own clock is the one that its keys expire by. Tests may bring another for what is reckoned.
local clock = redis.call('TIME')
local seconds = tonumber(clock[1])
local now = ask.now or (seconds * 1000000 + tonumber(clock[2]))

local function claims_of(text)
    local claims = {}
    for number, claim in ipairs(cjson.decode(text)) do
        local limits = {}
        for unit = 1, 3 do
            limits[unit] = claim[2][unit] ~= cjson.null and claim[2][unit] or nil
        end
        claims[number] = {
            account = claim[1], limits = limits, enforced = claim[3], start = claim[4], over = claim[5],
            span = claim[6], bucket = claim[7], budget = claim[8], scope = claim[9], window = claim[10],
        }
    end
    return claims
end
