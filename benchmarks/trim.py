"""What trimming saves on recorded conversations, under each provider's prices and cache, beside other trimmers.

    python benchmarks/trim.py [FOLDER] [--peers] [--half 0|1]

FOLDER holds trace files, as ``tokeneff replay`` reads them (default: the environment variable ``TOKENEFF_TRACES``, else
../shared/data/traces by the checkout). ``--peers``: those that are installed (langchain, litellm, headroom-ai) run in
the same way; one that is not is left out with a line. ``--half``: only conversations of one half (by their ids' hash).

Each request of a conversation goes through a policy, then to a simulator of the provider's cache, with breakpoints
after the system prompt and at the newest message; recorded replies stay as they were. Claude Code's logs leave out its
system prompt and tools: these count by its usage. Columns: input dollars of a conversation as recorded (``none``) and
under the policy, on average; the change of all dollars, of those of conversations of at least 100,000 tokens, and of
the conversation that got dearest; how many got dearer by more than 0.5 %; tokens; identifiers (words with a digit) and
whole lines of tools' outputs that the next recorded turn repeats and that were left out, of those it repeats; the share
of each request that the next begins with; requests that a provider would refuse; milliseconds of this process that the
policy took (p50, p95), and the same per 10,000 new tokens, of which each request counts as having so many (p95).

Last: cached tokens by the simulator against the providers' own counts, where these were recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from trim_quotes import Watched, gone, quotes

from tokeneff.prices import Prices
from tokeneff.tokens import counter
from tokeneff.traces import read, tools_beside
from tokeneff.trim._changing import replaced
from tokeneff.trim._reading import history_of
from tokeneff.trim.arrival._arriving import Arriving
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._stores import GuardedMemoStore, open_memo_store
from tokeneff.trim.memo._vault import Vault
from tokeneff.trim.planning._outlook import Outlook
from tokeneff.trim.planning._planner import Planner, Request
from tokeneff.trim.planning._replay import Market, Policy, Sent, Sums, Turn, market, replay, total, turns

DEFAULT = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "traces"
FILES = ("claude_code_sessions", "miniswe_gemini3pro", "tau2_airline_gpt5", "tau_airline_gpt4o")
MODELS = (
    ("claude-opus-4-6", "anthropic"),
    ("claude-opus-5", "anthropic"),
    ("claude-sonnet-5-5", "anthropic"),
    ("claude-fable-5-1", "anthropic"),
    ("gpt-4o", "openai"),
    ("gpt-4.1", "openai"),
    ("gpt-5", "openai"),
    ("gpt-5.6-sol", "openai"),
    ("gpt-6.1-sol", "openai"),
    ("gemini-3-pro-preview", "gcp.gemini"),
    ("deepseek-chat", "deepseek"),
)
UNCACHED = ("gpt-5", "openai")
LONG = 100_000
"""Tokens of a conversation's longest request from which on it is long."""
WORSE = 0.005
_scopes = count()


class Run(NamedTuple):
    """A policy, made anew for each conversation and market."""

    name: str
    make: Callable[[Market], Policy]
    by_market: bool = False
    """Whether it decides by the market."""
    chat: bool = False
    """Whether it needs requests in the form of chat completions."""
    ours: bool = True


def main() -> int:
    """Print the tables; returns 1 if ours made a conversation more than 0.5 % dearer."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", nargs="?", default=os.environ.get("TOKENEFF_TRACES", ""))
    asked.add_argument("--peers", action="store_true")
    asked.add_argument("--half", type=int, choices=(0, 1))
    asked.add_argument("--only", action="append", default=[])
    asked.add_argument("--models", default="", help="pattern of price models")
    asked.add_argument("--policies", default="", help="pattern of policies")
    given = asked.parse_args()
    folder = Path(given.folder) if given.folder else DEFAULT
    files = [folder / f"{name}.jsonl" for name in FILES if (folder / f"{name}.jsonl").is_file()]
    if not files:
        print(f"no traces in {folder}: nothing to replay")
        return 0
    if not counter().await_vocabulary("gpt-5", 120.0):
        print("no vocabulary on this machine: tokens are estimated")
    prices = Prices()
    markets = [market(*name, prices) for name in MODELS if re.search(given.models, name[0])]
    markets.append(market(*UNCACHED, prices, cached=False))
    dearer = 0
    for path in files:
        if given.only and not any(name in path.stem for name in given.only):
            continue
        conversations = [one for one in _conversations(path) if given.half is None or half(one) == given.half]
        limit = _limit(conversations)
        runs = [*ours(), *(_peers(limit) if given.peers else ())]
        runs = [run for run in runs if re.search(given.policies, run.name)]
        chat = _chatted(conversations) if any(run.chat for run in runs) else []
        for run in runs:
            dearer += _table(path.stem, run, chat if run.chat else conversations, markets)
    _simulated(files)
    print(f"\nconversations that ours made more than {WORSE:.1%} dearer, over all price models: {dearer}")
    return 1 if dearer else 0


def _conversations(path: Path) -> list[list[Turn]]:
    beside = tools_beside(path)
    tools = json.loads(beside.read_text()) if beside is not None else ()
    return [found for found in turns(read(path, tools=tools)) if found]


def half(conversation: Sequence[Turn]) -> int:
    """Which half a conversation is in: parameters are chosen on one and reported on the other."""
    return sha256(conversation[0].conversation.encode()).digest()[0] & 1


def _limit(conversations: Sequence[Sequence[Turn]]) -> int:
    """Tokens that peers are told to keep: half of what the longest requests have."""
    longest = sorted(max(turn.plain.total - turn.unseen for turn in one) for one in conversations)
    return longest[len(longest) * 9 // 10] // 2


def ours() -> Iterator[Run]:
    """Our own settings."""
    yield Run("arrival", lambda place: Ours(place, history=False), by_market=True)
    yield Run("history", lambda place: Ours(place, arrival=False), by_market=True)
    yield Run("default", Ours, by_market=True)


class Ours:
    """Our policy, as it runs in live calls."""

    def __init__(self, place: Market, *, arrival: bool = True, history: bool = True) -> None:
        self.place, self.arrival, self.history = place, arrival, history
        memo = Memo(GuardedMemoStore(open_memo_store("memory://")))
        scope = str(next(_scopes))  # stores of a URL are one
        self.outlook, self.planner = Outlook(), Planner(memo, scope=scope)
        self.arriving = Arriving(memo, Vault(memo), counter().text, scope=scope)

    def __call__(self, turn: Turn) -> Sent:
        """What is sent of a request."""
        history = history_of(turn.dialect, turn.body)
        if history is None:
            return Sent(turn.body)
        rates = self.place.rates(turn.plain.total)
        texts: Mapping[Any, str] = {}
        leans: Mapping[int, Sequence[int]] = {}
        if self.arrival:
            may = self.planner.may_shorten(history, self.place.rule, rates, turn.plain, self.outlook)
            since = history.arrived if may else len(history.messages)
            gone = set(self.planner.standing(history).texts)
            arrived = self.arriving.known(history) or self.arriving.arrive(history, turn.model, since, gone)
            texts, leans = arrived.texts, arrived.leans
        if not self.history:
            return Sent(replaced(history, texts) if texts else turn.body)
        request = Request(history, self.place.rule, rates, turn.plain, turn.pieces, turn.at, self.outlook, texts, leans)
        planned = self.planner.plan(request)
        return Sent(planned.body, planned.pieces)


def _peers(limit: int) -> Iterator[Run]:
    from trim_peers import peers

    for name, make in peers(limit):
        yield Run(f"{name} (kept: {limit:,} tokens)", make, chat=True, ours=False)


def _chatted(conversations: list[list[Turn]]) -> list[list[Turn]]:
    from trim_chat import chatted

    return [chatted(one) for one in conversations]


def _table(name: str, run: Run, conversations: list[list[Turn]], markets: list[Market]) -> int:
    groups = [[place] for place in markets] if run.by_market else [markets]
    print(f"\n{name}, {len(conversations)} conversations: {run.name}")
    print(
        f"{'price model':24}{'none $':>9}{'$':>9}{'change':>8}{'long':>8}{'worst':>8}{'dearer':>7}{'tokens':>8}"
        f"{'identifiers':>12}{'lines':>9}{'stable':>8}{'refused':>8}{'p50 ms':>8}{'p95 ms':>8}{'per 10k':>8}"
    )
    quoted = [quotes(one) for one in conversations]
    lines, dearer = sum(len(found) for one in quoted for found in one), 0
    for group in groups:
        rows: list[list[Sums]] = []
        lost = 0
        for one, told in zip(conversations, quoted, strict=True):
            policy = Watched(run.make(group[0]))
            rows.append(replay(one, policy, group))
            lost += gone(told, policy.sent)
        for column, place in enumerate(group):
            dearer += _row(place, [row[column] for row in rows], conversations, f"{lost}/{lines}")
    return dearer if run.ours else 0


def _row(place: Market, sums: list[Sums], conversations: list[list[Turn]], lines: str) -> int:
    whole = total(sums)
    long = total(
        one for one, told in zip(sums, conversations, strict=True) if max(turn.plain.total for turn in told) >= LONG
    )
    dearer = sum(1 for one in sums if one.change > WORSE)
    times = sorted(1000 * taken for taken in whole.seconds)
    scaled = sorted(_scaled(sums, conversations))
    label = place.model + ("" if place.rule.engine != "none" else " uncached")
    many = len(sums) * 1e9
    print(
        f"{label:24}{whole.plain / many:9.4f}{whole.cost / many:9.4f}{whole.change:+8.1%}{long.change:+8.1%}"
        f"{max(one.change for one in sums):+8.2%}{dearer:7}{whole.tokens / whole.plain_tokens - 1:+8.1%}"
        f"{f'{whole.lost}/{whole.known}':>12}{lines:>9}{whole.stability:8.4f}{whole.refused:8}"
        f"{times[len(times) // 2]:8.2f}{times[len(times) * 95 // 100]:8.2f}{scaled[len(scaled) * 95 // 100]:8.2f}",
        flush=True,
    )
    return dearer


def _scaled(sums: list[Sums], conversations: list[list[Turn]]) -> Iterator[float]:
    """Milliseconds of each request per 10,000 tokens that are new in it."""
    for one, told in zip(sums, conversations, strict=True):
        sizes = [turn.plain.total for turn in told]
        for taken, size, before in zip(one.seconds, sizes, [0, *sizes[:-1]], strict=True):
            yield 1000 * taken / max((size - before) / 10_000, 1)


def _simulated(files: list[Path]) -> None:
    """How well the simulator foretells the providers' own counts."""
    from promptcache import CLAUDE, GEMINI, errors, requests_of

    print("\ncached tokens by the simulator, against the provider's own counts")
    for name, provider in ((CLAUDE, "anthropic"), (GEMINI, "gcp.gemini")):
        path = next((path for path in files if path.name == name), None)
        if path is None:
            continue
        requests = list(requests_of(path))
        for learns, mode in ((True, "told each count"), (False, "told none")):
            found = errors(requests, provider, learns=learns)
            print(f"{path.stem:24}{mode:16}{found.calls:6} calls{found.said:14,} tokens{_error(found):+9.2%}")


def _error(found: Any) -> float:
    return found.expected / found.said - 1


if __name__ == "__main__":
    raise SystemExit(main())
