-- Hold `amounts` in every account that is claimed, or in none. ask: hold, amounts, lease.

reclaim()
local claims = claims_of(ARGV[2])
if redis.call('EXISTS', root .. ':h:' .. ask.hold) == 1 then
    save_all()
    local over, watched = unfit(claims, ZERO), {}
    for _, number in ipairs(over) do
        if not claims[number + 1].enforced then
            watched[#watched + 1] = number
        end
    end
    return { 'granted', now, balances(claims), watched }
end
if ended(ask.hold) then
    save_all()
    return { 'gone', now }
end
for _, claim in ipairs(claims) do
    if claim.over > 0 and (now < claim.start or now >= claim.over) then
        save_all()
        return { 'stale', now }
    end
end
for _, claim in ipairs(claims) do
    claimed(claim)
end
local over, against = unfit(claims, ask.amounts)
if #against > 0 then
    save_all()
    return { 'refused', now, balances(claims), over, frees(against) }
end
change('reserve', ask.hold, claims, ask.amounts, ZERO)
redis.call('HSET', root .. ':h:' .. ask.hold, 'claims', ARGV[2], 'amounts', written(ask.amounts), 'floor',
    written(ZERO), 'since', exact(now))
lease(ask.hold, now + ask.lease)
save_all()
return { 'granted', now, balances(claims), over }
