"""See what a cache has kept, and forget or fill it.

URL is as for tokeneff.Cache(URL). KEY is the beginning of a key, as `ls` and spans show it. Of a cache whose replies
are encrypted, TOKENEFF_CACHE_KEY in the environment says its key (several are parted by commas); only `show` and
`warm` need it.

examples:
  tokeneff cache stats --store sqlite:///cache.db
  tokeneff cache ls --store sqlite:///cache.db --model gpt-4.1-mini -n 20
  tokeneff cache show 3f9a0c --store sqlite:///cache.db
  tokeneff cache purge --store redis://host:6379/0 --scope tenant=acme --older-than 7d --yes
  tokeneff cache warm calls.jsonl --store sqlite:///cache.db

exit codes: 0 done, 1 not done, 2 wrong usage, or the store cannot be asked
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from typing import TYPE_CHECKING

from tokeneff.cli._output import Output, UsageError

if TYPE_CHECKING:
    from tokeneff.cache.stores import CacheStore, Labels


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)
    stats = actions.add_parser("stats", help="how full it is, and what of each model was kept and served")
    ls = actions.add_parser("ls", help="what is kept, the newest first")
    ls.add_argument("-n", type=_whole, default=50, metavar="N", help="how many of the newest (default 50)")
    show = actions.add_parser("show", help="one kept reply, whole")
    show.add_argument("key", metavar="KEY", help="the beginning of its key")
    purge = actions.add_parser("purge", help="forget replies: all that all of the options speak of")
    purge.add_argument("--key", metavar="KEY", help="whose keys begin so")
    purge.add_argument("--older-than", metavar="AGE", help="kept longer ago: 7d, 12h, or before 2026-11-01")
    purge.add_argument("--all", action="store_true", help="all that is kept")
    purge.add_argument("--yes", action="store_true", help="do not ask first")
    for action in (ls, purge):
        action.add_argument("--model", metavar="NAME", help="of this model, as it named itself")
        action.add_argument("--scope", metavar="TAGS", help="whose: tenant=acme")
        action.add_argument("--tag", metavar="NAME=VALUE", action="append", default=[], help="kept with this tag")
    warm = actions.add_parser("warm", help="keep recorded replies, as if they had been asked for")
    _warm_arguments(warm)
    for action in (stats, ls, show, purge, warm):
        action.add_argument("--store", metavar="URL", required=True, help="where replies are kept")
        action.add_argument("--json", action="store_true", help="print one JSON object; times as ISO 8601")


def _warm_arguments(warm: argparse.ArgumentParser) -> None:
    warm.add_argument("file", metavar="FILE", help="JSON lines: {endpoint, request, response}, or a batch's input")
    warm.add_argument("--results", metavar="FILE", help="the output of that batch")
    warm.add_argument("--sdk", choices=("openai", "anthropic"), help="whose requests these are (else told by them)")
    warm.add_argument(
        "--base-url", metavar="URL", help="where live calls go, if not where the SDK sends them by itself"
    )
    warm.add_argument("--account", metavar="NAME", help="as Cache(account=NAME); else the environment's API key counts")
    warm.add_argument("--by", metavar="NAME=VALUE", action="append", default=[], help="as Cache(by=NAME), for VALUE")
    warm.add_argument("--ttl", metavar="AGE", help="as Cache(ttl=AGE)")
    warm.add_argument("--truncated", action="store_true", help="as Cache(truncated=True)")
    warm.add_argument(
        "--ignore-header", metavar="NAME", action="append", default=[], help="as one of Cache(ignore_headers=…)"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Do it."""
    from tokeneff.cli._cache_store import opened

    if args.action == "warm":
        from tokeneff.cli._cache_warm import warm

        return warm(args, out)
    acts = {"stats": _stats, "ls": _ls, "show": _show, "purge": _purge}
    with opened(args.store) as store:
        return acts[args.action](args, out, store)


def _stats(args: argparse.Namespace, out: Output, store: CacheStore) -> int:
    from tokeneff.cli._cache_tables import stats_json, stats_tables, summed

    totals, groups = store.totals(), summed(store.entries())
    if "max_size=" not in args.store:
        totals = totals._replace(limit=None)  # that of whoever opens it, and not of those whose calls fill it
    out.json(stats_json(store, totals, groups))
    if not out.as_json:
        for line in stats_tables(store, totals, groups):
            out.line(line) if isinstance(line, str) else out.show(line)
    return 0


def _ls(args: argparse.Namespace, out: Output, store: CacheStore) -> int:
    from tokeneff.cli._cache_tables import entries_table, entry_json

    if args.n < 1:
        raise UsageError(f"-n is not {args.n}: write a whole number above 0")
    found = list(islice(store.entries(_labels(args), args.n), args.n))
    now = store.now()
    out.json({"store": _name(store), "entries": [entry_json(entry) for entry in found]})
    if not found:
        out.line("nothing is kept" if _labels(args) == _labels(None) else "nothing of that is kept")
    elif not out.as_json:
        out.show(entries_table(found, now))
    return 0


def _show(args: argparse.Namespace, out: Output, store: CacheStore) -> int:
    from tokeneff.cli._cache_store import reply_of, the_one
    from tokeneff.cli._cache_tables import shown_json, shown_lines

    entry = the_one(store, args.key)
    reply = reply_of(store, entry)
    out.json(shown_json(entry, reply))
    if not out.as_json:
        for line in shown_lines(entry, reply, store.now()):
            out.line(line)
    return 0 if reply is not None else 1


def _purge(args: argparse.Namespace, out: Output, store: CacheStore) -> int:
    from tokeneff.cache.semantic import forget
    from tokeneff.cli._cache_store import keys_of
    from tokeneff.cli._durations import since

    labels, before = _labels(args), None if args.older_than is None else since(args.older_than, "--older-than")
    told = labels != _labels(None) or before is not None or args.key is not None
    if told == args.all:
        raise UsageError("say what to forget: --model, --scope, --tag, --key, --older-than, or --all")
    keys = None if args.key is None else keys_of(store, args.key, labels, before)
    if not args.yes and not _agreed(out, "all replies" if args.all else "these replies", store):
        return 1
    gone = store.purge(labels, before) if keys is None else sum(store.drop(key) for key in keys)
    asked = forget(store.url, None if args.all else {entry.key for entry in store.entries()})
    out.json({"store": _name(store), "purged": gone, "questions": asked})
    out.line(f"{gone:,} {'reply' if gone == 1 else 'replies'} forgotten")
    if asked:
        out.line(f"{asked:,} {'question' if asked == 1 else 'questions'} forgotten with them")
    return 0


def _agreed(out: Output, what: str, store: CacheStore) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"where nobody can be asked, write --yes to forget {what}")
    out.note(f"Forget {what} of {_name(store)}? [y/N]")
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    out.note("nothing was done")
    return False


def _labels(args: argparse.Namespace | None) -> Labels:
    from tokeneff.cache.stores import Labels
    from tokeneff.cli._cache_store import pairs, scope_text

    if args is None:
        return Labels()
    scope = "" if args.scope is None else scope_text(args.scope)
    return Labels(args.model or "", scope, tuple(pairs(args.tag, "--tag")))


def _name(store: CacheStore) -> str:
    from tokeneff._masked import masked

    return masked(store.url)


def _whole(text: str) -> int:
    try:
        return int(text.replace("_", "").replace(",", ""))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
