-- Accounts: read once in a step, changed in its memory, and saved at its end.

local loaded = {}

-- When a bucket leaves its rolling window. It is kept for another span, should the clock be put back.
local function leaves(account, bucket)
    return bucket + math.max(account.bucket, 1) + account.span
end

-- What a rolling window has, and between which moments that stays so.
local function roll(account)
    account.spent, account.from, account.till = ZERO, 0, 2 ^ 53
    local fields = redis.call('HGETALL', root .. ':b:' .. account.name)
    for at = 1, #fields, 2 do
        local bucket = tonumber(fields[at])
        local moment = leaves(account, bucket)
        if moment + account.span <= now then
            redis.call('HDEL', root .. ':b:' .. account.name, fields[at])
        elseif moment <= now then
            account.from = math.max(account.from, moment)
        else
            account.spent = plus(account.spent, read(fields[at + 1]))
            account.till = math.min(account.till, moment)
        end
    end
end

local function account_of(name)
    if loaded[name] then
        return loaded[name]
    end
    local found = redis.call('HMGET', root .. ':a:' .. name, 'spent', 'held', 'limits', 'topped', 'start', 'end',
        'span', 'bucket', 'used', 'from', 'till', 'resets', 'kept', 'window')
    local account = {
        name = name, known = found[1], spent = read(found[1]), held = read(found[2]), limits = read(found[3] or '- - -'),
        topped = read(found[4]), start = tonumber(found[5]) or 0, over = tonumber(found[6]) or 0,
        span = tonumber(found[7]) or 0, bucket = tonumber(found[8]) or 0, used = tonumber(found[9]) or now,
        from = tonumber(found[10]), till = tonumber(found[11]), resets = tonumber(found[12]) or 0,
        kept = tonumber(found[13]), told = found[14],
    }
    if account.span > 0 and not (account.from and account.from <= now and now < account.till) then
        roll(account)
    end
    loaded[name] = account
    return account
end

local function claimed(claim)
    local account = account_of(claim.account)
    account.limits, account.start, account.over = claim.limits, claim.start, claim.over
    account.used, account.claim = now, claim
    if account.span ~= claim.span or account.bucket ~= claim.bucket then
        account.span, account.bucket = claim.span, claim.bucket
        if account.span > 0 then
            roll(account)
        end
    end
    return account
end

local function spend(account, amounts, at)
    if account.span == 0 then
        account.spent = plus(account.spent, amounts)
        return
    end
    local bucket = at - math.fmod(at, math.max(account.bucket, 1))
    local moment = leaves(account, bucket)
    if moment + account.span <= now then
        return -- it is no longer kept
    end
    local key, field = root .. ':b:' .. account.name, exact(bucket)
    redis.call('HSET', key, field, written(plus(read(redis.call('HGET', key, field)), amounts)))
    if moment <= now then
        account.from = math.max(account.from, moment)
    else
        account.spent = plus(account.spent, amounts)
        account.till = math.min(account.till, moment)
    end
end

-- For how many seconds somebody may still ask for it; nil: for ever.
local function asked_for(account)
    if account.over > 0 then
        return math.ceil(math.max(account.over - now, 0) / 1000000) + WINDOW_KEPT
    elseif account.span > 0 then
        return math.ceil((2 * account.span + account.bucket) / 1000000) + WINDOW_KEPT
    elseif (account.claim and account.claim.window or account.told) == 'session' then
        return SESSION_KEPT
    end
    return nil
end

-- Have its keys go when nobody asks for it any more.
local function keep(account)
    local key, kept = root .. ':a:' .. account.name, asked_for(account)
    redis.call('ZREMRANGEBYSCORE', root .. ':accounts', '-inf', seconds)
    if kept then
        kept = kept + DAY -- for this is done once a day at most
        redis.call('EXPIRE', key, exact(kept))
        redis.call('EXPIRE', root .. ':b:' .. account.name, exact(kept))
    end
    redis.call('ZADD', root .. ':accounts', kept and exact(seconds + kept) or '+inf', account.name)
    redis.call('HSET', key, 'kept', seconds)
end

local function save(account)
    local key, claim = root .. ':a:' .. account.name, account.claim
    redis.call('HSET', key, 'spent', written(account.spent), 'held', written(account.held), 'limits',
        written(account.limits), 'topped', written(account.topped), 'used', exact(account.used), 'resets',
        exact(account.resets))
    if account.span > 0 then
        redis.call('HSET', key, 'from', exact(account.from), 'till', exact(account.till))
    end
    if claim and not account.told then
        redis.call('HSET', key, 'start', exact(claim.start), 'end', exact(claim.over), 'span', exact(claim.span),
            'bucket', exact(claim.bucket), 'budget', claim.budget, 'scope', claim.scope, 'window', claim.window)
        keep(account)
    elseif not account.kept or (account.over == 0 and seconds - account.kept >= DAY) then
        keep(account) -- what is kept after its last use: once a day will do
    end
end

local function save_all()
    for _, account in pairs(loaded) do
        if account.changed or account.claim then
            save(account)
        end
    end
end

local function balance(name)
    local account = account_of(name)
    return { name, written(account.spent), written(account.held), written(account.limits), written(account.topped) }
end

local function balances(claims)
    local all = {}
    for number, claim in ipairs(claims) do
        local account = account_of(claim.account)
        if not account.known and not account.changed then
            account.limits = claim.limits
        end
        all[number] = balance(claim.account)
    end
    return all
end
