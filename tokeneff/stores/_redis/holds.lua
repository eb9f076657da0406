-- What there is to tell of some holds. ask: holds.

local told = {}
for number, id in ipairs(ask.holds) do
    local found = redis.call('HMGET', root .. ':h:' .. id, 'claims', 'amounts', 'floor', 'since', 'expires')
    told[number] = { id, found[1] or '', found[2] or '', found[3] or '', found[4] or '', found[5] or '' }
end
return told
