-- Spend `amounts` and let the hold go, once. ask: hold, amounts, note.

reclaim()
local claims = claims_of(ARGV[2])
local hold = hold_of(ask.hold)
if hold then
    claims = hold.claims
    change('settle', ask.hold, claims, minus(ZERO, hold.amounts), ask.amounts, ask.note)
    drop(ask.hold)
elseif redis.call('EXISTS', root .. ':s:' .. ask.hold) == 1 then
    save_all()
    return { 'gone', now }
else
    local late = redis.call('HMGET', root .. ':e:' .. ask.hold, 'claims', 'charged', 'at', 'resets')
    claims = late[1] and claims_of(late[1]) or claims
    if not late[1] or nothing(read(late[2])) then
        -- Never seen, lost with its server, or of nothing when its lease ran out: spent all the same.
        change('settle', ask.hold, claims, ZERO, ask.amounts, ask.note)
    else
        -- Charged when its lease ran out, and now put right, but where that was forgotten.
        local more, resets, names = minus(ask.amounts, read(late[2])), cjson.decode(late[4]), {}
        for number, claim in ipairs(claims) do
            local account = account_of(claim.account)
            if account.known and account.resets == resets[number] and not nothing(more) then
                account.changed = true
                spend(account, more, tonumber(late[3]))
                names[#names + 1] = account.name
            end
        end
        if #names > 0 then
            enter('adjust', ask.hold, names, ZERO, more, ask.note)
        end
    end
    redis.call('DEL', root .. ':e:' .. ask.hold)
end
redis.call('SET', root .. ':s:' .. ask.hold, '', 'EX', SETTLED_KEPT)
save_all()
return { 'granted', now, balances(claims), {} }
