-- Whether an owner leads from now on. ARGV: time, key, owner, lease.

local place, owner, lease = root .. ':l:' .. ARGV[2], ARGV[3], tonumber(ARGV[4])
local held = redis.call('GET', place)
if held then
    local over, leader = string.match(held, '^(%d+) (.*)$')
    if leader ~= owner and tonumber(over) > now then
        return { 0, now }
    end
end
redis.call('SET', place, exact(now + lease) .. ' ' .. owner, 'PX', exact(math.max(math.ceil(lease / 1000), 1)))
return { 1, now }
