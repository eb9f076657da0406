-- Nothing but what every step does first: how many leases were over, at most AT_ONCE.

local late = reclaim()
save_all()
return { late, AT_ONCE }
