-- Of each key whether its value is there, when it was found, and how often. ARGV: time, keys.

local told = {}
for at = 2, #ARGV do
    local key = ARGV[at]
    local used = redis.call('ZSCORE', root .. ':used', key)
    told[at - 1] = {
        redis.call('EXISTS', root .. ':v:' .. key), used and exact(tonumber(used)) or '0',
        redis.call('HGET', root .. ':hits', key) or '0',
    }
end
return told
