-- An owner leads no more. ARGV: time, key, owner.

local place = root .. ':l:' .. ARGV[2]
local held = redis.call('GET', place)
if held and string.match(held, '^%d+ (.*)$') == ARGV[3] then
    redis.call('DEL', place)
end
return now
