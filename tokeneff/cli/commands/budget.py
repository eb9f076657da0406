"""See what budgets have spent, hold and have left, and change it.

URL is as for tokeneff.wrap(client, store=URL), by default what TOKENEFF_STORE says. NAME is a budget's name, or an
account's whole name; where a budget has several accounts, --scope says which. What is held is set aside for calls that
are on their way.

examples:
  tokeneff budget show --store sqlite:///budgets.db
  tokeneff budget show "hour by user" --scope user=u1 --json
  tokeneff budget top-up "hour by user" --scope user=u1 --usd 5
  tokeneff budget reset day --yes
  tokeneff budget journal -n 20

exit codes: 0 done, 1 not done, 2 wrong usage, or the store cannot be asked
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tokeneff.cli._output import Output, UsageError

if TYPE_CHECKING:
    from tokeneff.stores import Amounts, Balance, State, Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)
    show = actions.add_parser("show", help="what each account has spent, holds and has left, and when it resets")
    show.add_argument("name", nargs="?", metavar="NAME", help="only this budget, or this account")
    show.add_argument("--all", action="store_true", help="also windows that were over less than a day ago")
    top_up = actions.add_parser("top-up", help="add to an account's limits, in its present window if it has one")
    top_up.add_argument("--usd", metavar="USD", help="US dollars; negative ones take away again")
    top_up.add_argument("--tokens", type=_whole, default=0, metavar="N")
    top_up.add_argument("--requests", type=_whole, default=0, metavar="N")
    reset = actions.add_parser("reset", help="have an account's spending begin at 0 again; what is held stays held")
    reset.add_argument("--yes", action="store_true", help="do not ask first")
    holds = actions.add_parser("holds", help="what is held for calls that are on their way")
    journal = actions.add_parser("journal", help="what was held, spent and changed, the newest last")
    journal.add_argument("--account", metavar="NAME", help="only this one's")
    journal.add_argument("-n", type=_whole, default=50, metavar="N", help="how many of the newest (default 50)")
    for action in (top_up, reset):
        action.add_argument("name", metavar="NAME", help="the budget, or the account")
    for action in (show, top_up, reset, journal):
        action.add_argument("--scope", metavar="TAGS", help="whose account: user=u1, or user=u1,team=a")
    for action in (show, top_up, reset, holds, journal):
        action.add_argument("--store", metavar="URL", help="where budgets are kept (default: TOKENEFF_STORE)")
        action.add_argument("--json", action="store_true", help="print one JSON object; money in nano-dollars")


def run(args: argparse.Namespace, out: Output) -> int:
    """Do it."""
    from tokeneff.cli._budget_store import opened

    acts = {"show": _show, "top-up": _top_up, "reset": _reset, "holds": _holds, "journal": _journal}
    with opened(args) as store:
        return acts[args.action](args, out, store)


def _show(args: argparse.Namespace, out: Output, store: Store) -> int:
    from tokeneff.cli._budget_store import current, matching, the_one
    from tokeneff.cli._budget_tables import state_json, states_table

    now = store.now()
    states = store.states() if args.all else current(store.states(), now)
    found = matching(states, args.name, args.scope)
    if args.name is not None and not found:
        the_one(states, args.name, args.scope)  # says what there is instead
    out.json({"store": store.url, "accounts": [state_json(state, now) for state in found]})
    if found and not out.as_json:
        out.show(states_table(found, now, plain=not out.result.encoding.startswith("utf"), windows=args.all))
    elif not out.as_json:
        out.line(f"nothing was spent in {store.url} yet" if not states else f"no account has the scope {args.scope}")
    return 0


def _top_up(args: argparse.Namespace, out: Output, store: Store) -> int:
    from tokeneff.cli._budget_tables import listed

    amounts = _amounts(args)
    state = _chosen(args, store)
    for unit, value, limit in zip(amounts._fields, amounts, state.balance.limits, strict=True):
        if value and limit is None:
            raise UsageError(f"{state.balance.account} has no limit in {unit}, so there is nothing to add to")
    balance = store.top_up(state.balance.account, amounts)
    _tell(out, balance, f"{', '.join(listed(amounts, signed=True).splitlines())}")
    return 0


def _amounts(args: argparse.Namespace) -> Amounts:
    from tokeneff.budgets._money import nano_usd
    from tokeneff.stores import Amounts

    usd = 0
    if args.usd is not None:
        text = args.usd.strip()
        try:
            usd = nano_usd(text.removeprefix("-"), "--usd")
        except ValueError as error:
            raise UsageError(str(error)) from error
        usd = -usd if text.startswith("-") else usd
    amounts = Amounts(usd, args.tokens, args.requests)
    if not any(amounts):
        raise UsageError("say how much: --usd 5, --tokens 100000 or --requests 50")
    return amounts


def _reset(args: argparse.Namespace, out: Output, store: Store) -> int:
    from tokeneff.cli._budget_tables import listed

    state = _chosen(args, store)
    account = state.balance.account
    spent = ", ".join(listed(state.balance.spent).splitlines()) or "nothing"
    if not args.yes:
        if not sys.stdin.isatty():
            raise UsageError(f"{account} has spent {spent}; where nobody can be asked, write --yes to forget that")
        out.note(f"{account} has spent {spent}. Begin at 0 again? [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            out.note("nothing was done")
            return 1
    _tell(out, store.reset(account), f"{spent} forgotten")
    return 0


def _tell(out: Output, balance: Balance, done: str) -> None:
    from tokeneff.cli._budget_tables import balance_json, left, said

    out.json({"account": balance.account, "units": balance_json(balance)})
    rest = [
        f"{said(unit, left(limit, spent, held) or 0)} of {said(unit, limit, named=True)} left"
        for unit, limit, spent, held in zip(
            balance.spent._fields, balance.limits, balance.spent, balance.held, strict=True
        )
        if limit is not None
    ]
    out.line(f"{balance.account}: {done}; {', '.join(rest) or 'no limit'}")


def _holds(args: argparse.Namespace, out: Output, store: Store) -> int:
    from tokeneff.cli._budget_tables import hold_json, holds_table

    holds, now = store.holds(), store.now()
    out.json({"store": store.url, "holds": [hold_json(hold) for hold in holds]})
    if holds:
        if not out.as_json:
            out.show(holds_table(holds, now))
    else:
        out.line("nothing is held")
    return 0


def _journal(args: argparse.Namespace, out: Output, store: Store) -> int:
    from tokeneff.cli._budget_tables import entry_json, journal_table

    if args.n < 1:
        raise UsageError(f"-n is not {args.n}: write a whole number above 0")
    account: str | None = args.account
    if args.scope is not None and account is None:
        raise UsageError("--scope says which account of a budget: name that as well, as --account day")
    entries = store.journal(account, args.n)
    if not entries and account is not None:  # no whole name of an account, or one that nothing was done to
        account = _chosen(args, store, account).balance.account
        entries = store.journal(account, args.n)
    out.json({"store": store.url, "entries": [entry_json(entry) for entry in entries]})
    if entries:
        if not out.as_json:
            out.show(journal_table(entries))
    else:
        out.line("nothing was done")
    return 0


def _chosen(args: argparse.Namespace, store: Store, name: str | None = None) -> State:
    from tokeneff.cli._budget_store import current, the_one

    return the_one(current(store.states(), store.now()), name or args.name, args.scope)


def _whole(text: str) -> int:
    try:
        return int(text.replace("_", "").replace(",", ""))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
