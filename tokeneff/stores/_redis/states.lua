-- What there is to tell of some accounts. ask: accounts.

local told = {}
for number, name in ipairs(ask.accounts) do
    local account = account_of(name)
    local about = redis.call('HMGET', root .. ':a:' .. name, 'budget', 'scope', 'window')
    told[number] = { account.known and 1 or 0, balance(name), about[1] or '', about[2] or '', about[3] or '',
        account.start, account.over, account.span, account.used, now }
end
return told
