-- Have a hold be of `amounts`, and never of less than it is. ask: hold, amounts, floor, lease.

reclaim()
local hold = hold_of(ask.hold)
if not hold then
    save_all()
    return { 'gone', now }
end
redis.call('HSET', root .. ':h:' .. ask.hold, 'floor', written(ask.floor))
lease(ask.hold, now + ask.lease)
local more = minus(most(hold.amounts, ask.amounts), hold.amounts)
local over, against = unfit(hold.claims, more, true)
if #against > 0 then
    save_all()
    return { 'refused', now, balances(hold.claims), over, frees(against) }
end
redis.call('HSET', root .. ':h:' .. ask.hold, 'amounts', written(plus(hold.amounts, more)))
change('extend', ask.hold, hold.claims, more, ZERO)
save_all()
return { 'granted', now, balances(hold.claims), over }
