-- Add `amounts` to the limits of an account. ask: account, amounts, note.

reclaim()
local account = account_of(ask.account)
account.topped, account.changed = plus(account.topped, ask.amounts), true
if ask.note ~= '' then
    enter('top-up', '', { account.name }, ZERO, ZERO, ask.note)
end
save_all()
return balance(account.name)
