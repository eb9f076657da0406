"""How well the simulator of prompt caches foretells the providers' own counts, and what placing breakpoints saves.

    python benchmarks/promptcache.py [FOLDER]

FOLDER holds trace files, as ``tokeneff replay`` reads them (default: the environment variable ``TOKENEFF_TRACES``, else
../shared/data/traces by the checkout).

First part: what a provider said it read from its cache, against what the simulator expected before it said so; of
each request only its size is taken from the recording. ``learning``: the provider's count of each earlier request is
fed back, as in live use; ``blind``: nothing is. ``close``: of all calls, those that were foretold within 1 %.

Second part: each conversation's input dollars by the simulator, per price model, requests in the order of their times
and all conversations of a file as one tag's: without any breakpoint, with the client's own settings, and with ours;
``saved``: by ours, of what it costs without any. A file without times has its conversations one after another, ten
seconds between requests. Claude Code sets breakpoints itself: ``as sent``, where ours leaves them alone, and
``marks out``, where they are taken out and ours are compared with them. No conversation of Claude Code or of
mini-swe-agent may be more than 0.5 % dearer than with its client's own settings.

Third part: the same for random halves of each file, each a tag of its own that begins without knowing anything.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from tokeneff.prices import Prices
from tokeneff.promptcache import Mark, Pieces, Split, State, pieces_of, rule_of, serve, told
from tokeneff.promptcache._book import Book
from tokeneff.promptcache._plan import Case, sent
from tokeneff.tokens import Prompt, counter
from tokeneff.traces import BrokenLine, read, tools_beside

DEFAULT = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "traces"
CLAUDE, GEMINI = "claude_code_sessions.jsonl", "miniswe_gemini3pro.jsonl"
FILES = (CLAUDE, GEMINI, "tau2_airline_gpt5.jsonl", "tau_airline_gpt4o.jsonl")
MODELS = (
    ("claude-opus-4-6", "anthropic"),
    ("claude-haiku-4-5", "anthropic"),
    ("claude-sonnet-5", "anthropic"),
    ("claude-opus-5", "anthropic"),
    ("claude-sonnet-5-5", "anthropic"),
    ("claude-fable-5-1", "anthropic"),
    ("gpt-4.1", "openai"),
    ("gpt-5", "openai"),
    ("gpt-5.6-sol", "openai"),
    ("gpt-6.1-sol", "openai"),
    ("gemini-3-pro-preview", "gcp.gemini"),
    ("deepseek-chat", "deepseek"),
)
WORSE = Fraction(5, 1000)
HELD = (CLAUDE, GEMINI)  # files whose conversations must not become dearer
_SPAN, _DAY = 10.0, 86_400.0


class Request(NamedTuple):
    """One recorded request, as a prompt cache sees it."""

    conversation: str
    at: float
    pieces: Pieces  # without breakpoints
    own: tuple[Mark, ...]  # those that the client itself set, as far as its usage tells
    takes: tuple[bool, ...]  # of each piece: whether a breakpoint can end it
    said: Split | None  # the provider's own counts
    model: str


@dataclass
class Sums:
    """One conversation's."""

    plain: int = 0
    own: int = 0
    ours: int = 0
    calls: int = 0


@dataclass
class Errors:
    """Cached tokens, expected and said."""

    expected: int = 0
    said: int = 0
    apart: int = 0
    input: int = 0
    calls: int = 0
    close: int = 0
    by: dict[str, Errors] = field(default_factory=dict)

    def add(self, expected: int, said: int, total: int) -> None:
        self.expected += expected
        self.said += said
        self.apart += abs(expected - said)
        self.input += total
        self.calls += 1
        self.close += abs(expected - said) <= 0.01 * said


def main() -> int:
    """Print both parts; returns 1 if a conversation has become dearer than allowed."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("TOKENEFF_TRACES", "")
    folder = Path(given) if given else DEFAULT
    files = [folder / name for name in FILES if (folder / name).is_file()]
    if not files:
        print(f"no traces in {folder}: nothing to replay")
        return 0
    if not counter().await_vocabulary("gpt-5", 10.0):
        print("no vocabulary on this machine: tokens are estimated")
    requests = {path.name: list(requests_of(path)) for path in files}
    for name, provider in ((CLAUDE, "anthropic"), (GEMINI, "gcp.gemini")):
        if name in requests:
            foretell(name, requests[name], provider)
    worse = replay(requests)
    halves(requests)
    return worse


def requests_of(path: Path) -> Iterator[Request]:
    """The requests of a file, in the order of their times."""
    found: list[tuple[float, str, Any]] = []
    beside = tools_beside(path)
    tools: Sequence[Any] = ()
    if beside is not None:
        tools = json.loads(beside.read_text())
    start = 0.0
    for conversation in read(path, tools=tools):
        if isinstance(conversation, BrokenLine):
            print(conversation)
            continue
        for place, call in enumerate(conversation.calls):
            found.append((call.time if call.time is not None else start + place * _SPAN, conversation.id, call))
        start += _DAY
    unseen: dict[str, int] = {}
    for at, name, call in sorted(found, key=lambda item: (item[0], item[1])):
        yield _request(at, name, call, unseen)


def _request(at: float, name: str, call: Any, unseen: dict[str, int]) -> Request:
    dialect = "messages" if call.dialect == "anthropic" else "chat"
    body, usage = call.request, call.usage
    prompt = counter().prompt(dialect, body, call.model)
    own, total = sum(piece.tokens for piece in prompt.pieces), None
    if usage is not None and usage.input_tokens:
        total = usage.input_tokens
        # Claude Code's logs leave out the system prompt and the tools: what the first request has beside its messages.
        unseen.setdefault(name, max(total - round(1.15 * own), 0) if dialect == "messages" else 0)
    hidden = min(unseen.get(name, 0), (total or 1) - 1)
    pieces = pieces_of(prompt, dialect, body, total, hidden)
    said = None
    marks: tuple[Mark, ...] = ()
    if usage is not None:
        short = usage.cache_write - usage.cache_write_1h
        rest = usage.input_tokens - usage.cache_read - usage.cache_write
        said = Split(usage.cache_read, short, usage.cache_write_1h, rest)
        if dialect == "messages":
            marks = _claude_code(pieces, prompt, hidden, "1h" if usage.cache_write_1h else None)
    takes = (*(True,) * bool(hidden), *(piece.kind != "assistant" for piece in prompt.pieces))
    return Request(name, at, pieces, marks, takes, said, call.model)


def _claude_code(pieces: Pieces, prompt: Prompt, hidden: int, ttl: str | None) -> tuple[Mark, ...]:
    """Where Claude Code sets its breakpoints: after its system prompt, and at the latest two messages of the user's."""
    first = 1 if hidden else 0
    users = [first + place for place, piece in enumerate(prompt.pieces) if piece.kind != "assistant"][-2:]
    return tuple(Mark(place, ttl) for place in (*range(first), *users))


def foretell(name: str, requests: list[Request], provider: str) -> None:
    """Print the first part of one file."""
    print(f"\n{name}: cached tokens, expected by the simulator against the provider's own counts")
    print(f"{'':10}{'conversation':46} calls        said    error  per call  close   share    said")
    for mode in ("learning", "blind"):
        whole = errors(requests, provider, learns=mode == "learning")
        if len(whole.by) <= 20:
            for conversation, one in whole.by.items():
                _print_errors(mode, conversation, one)
        _print_errors(mode, "all", whole)


def errors(requests: list[Request], provider: str, *, learns: bool) -> Errors:
    """Cached tokens as expected before each call, beside those that the provider said."""
    whole = Errors()
    states: dict[tuple[str, str], State] = {}
    for request in requests:
        if request.said is None:
            continue
        rule, pieces = rule_of(request.model, provider), request.pieces.marked(request.own)
        # What other sessions wrote is not in these logs; the head is all that could be shared.
        key = (request.model, request.conversation if request.own else "")
        state = states.get(key, State())
        split, after = serve(rule, state, pieces, request.at)
        states[key] = told(rule, state, after, pieces, request.said, request.at) if learns else after
        for found in (whole, whole.by.setdefault(request.conversation, Errors())):
            found.add(split.read, request.said.read, request.said.total)
    return whole


def _print_errors(mode: str, name: str, found: Errors) -> None:
    error, apart = found.expected / max(found.said, 1) - 1, found.apart / max(found.said, 1)
    share, said, close = found.expected / found.input, found.said / found.input, found.close / found.calls
    shown = name if len(name) <= 44 else f"{name[:12]}…{name[-30:]}"
    counts = f"{found.calls:6}{found.said:12,}{error:+9.2%}{apart:10.2%}"
    print(f"{mode:10}{shown:46}{counts}{close:7.0%}{share:8.1%}{said:8.1%}")


def replay(requests: dict[str, list[Request]]) -> int:
    """Print the second part."""
    prices = Prices()
    print("\ninput dollars by the simulator: without breakpoints, with the client's own settings, with ours")
    print(f"{'file':24}{'price model':22}    plain      own     ours  saved  change              worst  dearer")
    dearer = dict.fromkeys(requests, 0)
    for name, listed in requests.items():
        marked = any(request.own for request in listed)
        for stripped in (False, True)[: 1 + marked]:
            label = name.partition("_")[0] + (" marks out" if stripped else " as sent" if marked else "")
            for model, provider in MODELS:
                if stripped and provider != "anthropic":
                    continue
                sums = dollars(listed, model, provider, prices, stripped=stripped)
                dearer[name] += _print_dollars(label, model, sums) if sums else 0
    held = sum(dearer.get(name, 0) for name in HELD)
    others = sum(dearer.values()) - held
    print(
        f"\nmore than {float(WORSE):.1%} dearer than with the client's own settings, over all price models: "
        f"{held} conversations of Claude Code and mini-swe-agent, {others} of the others"
    )
    return 1 if held else 0


def dollars(requests: list[Request], model: str, provider: str, prices: Prices, *, stripped: bool) -> dict[str, Sums]:
    """Each conversation's nano-dollars; ``stripped``: ours gets the requests without their client's breakpoints."""
    rule, book = rule_of(model, provider), Book()
    states = [State(), State()]
    found: dict[str, Sums] = {}
    for request in requests:
        pieces = request.pieces
        rates = prices.rates(model, provider, "", None, pieces.total)
        if rates is None:
            return {}
        sums = found.setdefault(request.conversation, Sums())
        sums.calls += 1
        sums.plain += Split(uncached=pieces.total).dollars(rates)
        theirs = pieces.marked(request.own if rule.engine == "marks" else ())
        split, states[0] = serve(rule, states[0], theirs, request.at)
        sums.own += split.dollars(rates)
        if rule.engine == "marks" and (stripped or not theirs.marks):
            place = book.place(pieces, request.at)
            takes = request.takes.__getitem__
            chosen, states[1] = sent(Case(rule, rates, states[1], book, pieces, place, request.at, takes))
            book.wait(pieces, place, request.at, "")
            split = chosen.split
        else:  # a caller's own settings win; of a key for routing the simulator knows nothing
            split, states[1] = serve(rule, states[1], theirs, request.at)
        sums.ours += split.dollars(rates)
    return found


def _print_dollars(label: str, model: str, sums: dict[str, Sums]) -> int:
    plain, own, ours = (sum(getattr(one, part) for one in sums.values()) for part in ("plain", "own", "ours"))
    changes = {name: Fraction(one.ours - one.own, one.own) for name, one in sums.items() if one.own}
    worst = max(changes, key=lambda name: changes[name])
    dearer = sum(1 for change in changes.values() if change > WORSE)
    where = f"{float(changes[worst]):+.1%} of {sums[worst].calls} calls"
    print(
        f"{label:24}{model:22}{plain / 1e9:9.3f}{own / 1e9:9.3f}{ours / 1e9:9.3f}{1 - ours / plain:7.1%}"
        f"{(ours - own) / own:+8.1%}{where:>19}{dearer:8}"
    )
    return dearer


def halves(requests: dict[str, list[Request]]) -> None:
    """Print the third part."""
    print(f"\nrandom halves, each a tag that begins anew\n{'file':24}{'price model':22}{'saved':>7}{'dearer':>14}")
    prices = Prices()
    for name, listed in requests.items():
        if any(request.own for request in listed):
            continue
        names = sorted({request.conversation for request in listed})
        for model, provider in (MODELS[0], MODELS[2]):  # of the largest least size, and of a smaller one
            found: list[Sums] = []
            for seed in range(3):
                first = set(random.Random(seed).sample(names, len(names) // 2))
                for inside in (True, False):
                    half = [request for request in listed if (request.conversation in first) == inside]
                    found += dollars(half, model, provider, prices, stripped=False).values()
            saved = 1 - sum(one.ours for one in found) / sum(one.plain for one in found)
            dearer = sum(1 for one in found if one.ours > one.own * (1 + WORSE))
            print(f"{name.partition('_')[0]:24}{model:22}{saved:7.1%}{f'{dearer} of {len(found)}':>14}")


if __name__ == "__main__":
    raise SystemExit(main())
