-- Whether nobody asked this of this account before, in this window. ask: account, mark.

reclaim()
local account, field = account_of(ask.account), 'mark:' .. ask.mark
local key = root .. ':a:' .. account.name
local told = tonumber(redis.call('HGET', key, field))
local first = not told or (account.span > 0 and told + account.span <= now)
if first then
    account.used, account.changed = now, true
    redis.call('HSET', key, field, exact(now))
end
save_all()
return first and 1 or 0
