-- The journal, holds, and what does not fit.

local function enter(step, hold, accounts, held, spent, note)
    redis.call('XADD', root .. ':journal', 'MAXLEN', '~', JOURNAL, '*', 'at', exact(now), 'step', step, 'hold', hold,
        'accounts', cjson.encode(accounts), 'held', written(held), 'spent', written(spent), 'note', note or '')
end

-- Change what all accounts of some claims hold and have spent.
local function change(step, hold, claims, held, spent, note)
    if nothing(held) and nothing(spent) then
        return
    end
    local names = {}
    for number, claim in ipairs(claims) do
        local account = account_of(claim.account)
        if not account.told and not account.claim then
            claimed(claim)
        end
        account.changed, account.held = true, plus(account.held, held)
        spend(account, spent, now)
        names[number] = claim.account
    end
    enter(step, hold, names, held, spent, note)
end

local function hold_of(id)
    local found = redis.call('HMGET', root .. ':h:' .. id, 'claims', 'amounts', 'floor', 'since', 'expires')
    if not found[1] then
        return nil
    end
    return { claims = claims_of(found[1]), text = found[1], amounts = read(found[2]), floor = read(found[3]) }
end

local function drop(id)
    redis.call('DEL', root .. ':h:' .. id)
    redis.call('ZREM', root .. ':leases', id)
end

local function lease(id, expires)
    redis.call('HSET', root .. ':h:' .. id, 'expires', exact(expires))
    redis.call('ZADD', root .. ':leases', exact(expires), id)
end

local function ended(id)
    return redis.call('EXISTS', root .. ':s:' .. id, root .. ':e:' .. id) > 0
end

-- Holds whose lease is over are charged in full: a call whose process was killed may well have been billed.
local function reclaim()
    local late = redis.call('ZRANGEBYSCORE', root .. ':leases', '-inf', exact(now), 'LIMIT', 0, AT_ONCE)
    for _, id in ipairs(late) do
        local hold = hold_of(id)
        drop(id)
        if hold then
            local charged, resets = most(hold.amounts, hold.floor), {}
            change('expire', id, hold.claims, minus(ZERO, hold.amounts), charged)
            for number, claim in ipairs(hold.claims) do
                resets[number] = account_of(claim.account).resets
            end
            redis.call('HSET', root .. ':e:' .. id, 'claims', hold.text, 'charged', written(charged), 'at', exact(now),
                'resets', cjson.encode(resets))
            redis.call('EXPIRE', root .. ':e:' .. id, SETTLED_KEPT)
        end
    end
    return #late
end

-- Which claims more does not fit; where it grows, only units that are asked for are looked at.
local function unfit(claims, more, grows)
    local over, against = {}, {}
    for number, claim in ipairs(claims) do
        local account = account_of(claim.account)
        local fits = true
        for unit = 1, 3 do
            local limit = claim.limits[unit]
            -- In this order no part of the sum leaves what doubles hold exactly.
            if limit and account.spent[unit] - limit - account.topped[unit] + account.held[unit] + more[unit] > 0 then
                fits = fits and grows and more[unit] == 0
            end
        end
        if not fits then
            over[#over + 1] = number - 1
            if claim.enforced then
                against[#against + 1] = account
            end
        end
    end
    return over, against
end

-- When the first bucket that is not empty leaves the window: the latest of these moments.
local function frees(against)
    local latest = 0
    for _, account in ipairs(against) do
        local first = nil
        local fields = account.span > 0 and redis.call('HGETALL', root .. ':b:' .. account.name) or {}
        for at = 1, #fields, 2 do
            local moment = leaves(account, tonumber(fields[at]))
            if moment > now and not nothing(read(fields[at + 1])) then
                first = math.min(first or moment, moment)
            end
        end
        latest = math.max(latest, first or 0)
    end
    return latest
end
