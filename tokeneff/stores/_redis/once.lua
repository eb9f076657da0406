-- Whether nobody asked this of this account before, in this window. ask: account, mark.

reclaim()
save_all()
local account, key = account_of(ask.account), root .. ':m:' .. ask.account
local told = tonumber(redis.call('HGET', key, ask.mark))
if told and not (account.span > 0 and told + account.span <= now) then
    return 0
end
redis.call('HSET', key, ask.mark, exact(now))
redis.call('EXPIRE', key, asked_for(account) or FOR_EVER)
return 1
