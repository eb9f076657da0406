-- Give each hold that is still there another lease. ask: holds, lease.

reclaim()
for _, id in ipairs(ask.holds) do
    if redis.call('ZSCORE', root .. ':leases', id) then
        lease(id, now + ask.lease)
    end
end
save_all()
return now
