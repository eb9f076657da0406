-- Have the spending of an account start again at 0. ask: account.

reclaim()
local account = account_of(ask.account)
redis.call('DEL', root .. ':m:' .. account.name)
if not account.known and not account.changed then
    save_all()
    return balance(account.name)
end
if not nothing(account.spent) then
    enter('reset', '', { account.name }, ZERO, minus(ZERO, account.spent))
end
redis.call('DEL', root .. ':b:' .. account.name)
account.spent, account.resets, account.changed = ZERO, account.resets + 1, true
if account.span > 0 then
    account.from, account.till = 0, 2 ^ 53
end
save_all()
return balance(account.name)
