-- Add `amounts` to the limits of an account. ask: account, amounts, note.

reclaim()
local account = account_of(ask.account)
account.topped, account.used, account.changed = plus(account.topped, ask.amounts), now, true
if ask.note ~= '' then
    enter('top-up', '', { account.name }, ZERO, ZERO, ask.note)
end
save_all()
return balance(account.name)
