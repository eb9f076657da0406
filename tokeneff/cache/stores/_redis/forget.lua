-- Let values go; how many were there. ARGV: time, keys.

sweep(100)
local gone = 0
for at = 2, #ARGV do
    if forget(ARGV[at]) then
        gone = gone + 1
    end
end
return gone
