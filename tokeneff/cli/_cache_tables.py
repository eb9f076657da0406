"""What a cache has kept: as tables for people, as JSON values for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tokeneff._masked import masked
from tokeneff.cache._telling import SHOWN
from tokeneff.cli._budget_tables import iso
from tokeneff.cli._report_text import clean
from tokeneff.report._say import duration, money, several

if TYPE_CHECKING:
    from rich.table import Table

    from tokeneff.cache import Reply
    from tokeneff.cache.stores import CacheStore, Entry, Totals

Groups = Mapping[tuple[str, str], list[int]]
_UNITS = ("B", "kB", "MB", "GB", "TB")
_MOST_BODY = 20_000


def summed(entries: Iterable[Entry]) -> Groups:
    """Entries, bytes and times served, by model and scope, the largest first."""
    found: dict[tuple[str, str], list[int]] = {}
    for entry in entries:
        sums = found.setdefault((entry.labels.model, entry.labels.scope), [0, 0, 0])
        for index, value in enumerate((1, entry.size, entry.hits)):
            sums[index] += value
    return dict(sorted(found.items(), key=lambda item: (-item[1][1], item[0])))


# -- for machines


def stats_json(store: CacheStore, totals: Totals, groups: Groups) -> dict[str, Any]:
    """How full it is."""
    return {
        "store": masked(store.url),
        **totals._asdict(),
        "models": [
            {"model": model, "scope": scope, "entries": entries, "size": size, "hits": hits}
            for (model, scope), (entries, size, hits) in groups.items()
        ],
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """One kept reply, without what it says."""
    return {
        "key": entry.key.hex(),
        "model": entry.labels.model,
        "scope": entry.labels.scope,
        "tags": dict(entry.labels.tags),
        "size": entry.size,
        "stored": iso(entry.stored),
        "expires": None if entry.expires is None else iso(entry.expires),
        "used": iso(entry.used),
        "hits": entry.hits,
    }


def shown_json(entry: Entry, reply: Reply | None) -> dict[str, Any]:
    """One kept reply, whole; without `reply` where it cannot be read."""
    if reply is None:
        return {**entry_json(entry), "reply": None}
    text = _text(reply)
    told = {
        "form": reply.form,
        "headers": [list(pair) for pair in reply.headers],
        "body": text,
        "chunks": len(reply.cuts) or 1,
        "worth": {**reply.worth._asdict()},
    }
    return {**entry_json(entry), "reply": told}


# -- for people


def stats_tables(store: CacheStore, totals: Totals, groups: Groups) -> Iterator[str | Table]:
    """How full it is."""
    full = f" of {size(totals.limit)}" if totals.limit is not None else ""
    gone = f", {totals.evicted:,} let go for want of room" if totals.evicted else ""
    yield f"{masked(store.url)}: {several(totals.entries, 'reply', 'replies')}, {size(totals.size)}{full}{gone}"
    if groups:
        table = _table(("model", "scope"), ("replies", "size", "served"))
        for (model, scope), (entries, bytes_, hits) in groups.items():
            table.add_row(clean(model, 80), clean(scope, 80), f"{entries:,}", size(bytes_), f"{hits:,}")
        yield table


def entries_table(entries: Iterable[Entry], now: int) -> Table:
    """What is kept."""
    from rich.text import Text

    table = _table(("key", "model", "scope", "tags"), ("size", "age", "left", "served"))
    for entry in entries:
        labels = entry.labels
        table.add_row(
            Text(entry.key.hex()[:SHOWN], style="cyan"),
            Text(clean(labels.model, 60)),
            Text(clean(labels.scope, 60)),
            Text(clean(",".join(f"{name}={value}" for name, value in labels.tags), 60)),
            size(entry.size),
            duration(max(0, now - entry.stored)),
            "" if entry.expires is None else duration(max(0, entry.expires - now)),
            f"{entry.hits:,}",
        )
    return table


def shown_lines(entry: Entry, reply: Reply | None, now: int) -> Iterator[str]:
    """One kept reply, whole."""
    labels = entry.labels
    yield f"key      {entry.key.hex()}"
    yield f"model    {clean(labels.model)}"
    if labels.scope:
        yield f"scope    {clean(labels.scope, 200)}"
    if labels.tags:
        yield f"tags     {clean(', '.join(f'{name}={value}' for name, value in labels.tags), 500)}"
    left = "" if entry.expires is None else f", for another {duration(max(0, entry.expires - now))}"
    yield f"kept     {iso(entry.stored)}, {duration(max(0, now - entry.stored))} ago{left}"
    yield f"served   {entry.hits:,} times, {size(entry.size)}"
    if reply is None:
        yield "its value cannot be read: it is damaged, of another version, or encrypted with another key"
        return
    worth = reply.worth
    cost = "unknown" if worth.cost is None else money(worth.cost)
    yield f"worth    {_count(worth.input_tokens)} tokens in, {_count(worth.output_tokens)} out, {cost}"
    yield f"reply    {reply.form}, in {several(len(reply.cuts) or 1, 'piece')}"
    yield ""
    yield from clean_lines(_text(reply))


def clean_lines(text: str) -> Iterator[str]:
    """The lines of a text, without what a terminal would obey."""
    for line in text[:_MOST_BODY].splitlines():
        yield clean(line, _MOST_BODY)
    if len(text) > _MOST_BODY:
        yield f"… and {len(text) - _MOST_BODY:,} characters more (--json has all)"


def _text(reply: Reply) -> str:
    if reply.form == "bytes":
        return f"({len(reply.body):,} bytes)"
    text = reply.body.decode("utf-8", "replace")
    if reply.form == "json":
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except ValueError:
            return text
    return text


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def size(value: int) -> str:
    """Bytes, short.

    >>> size(999), size(1_234_567)
    ('999 B', '1.23 MB')
    """
    number, unit = float(value), 0
    while number >= 999.5 and unit + 1 < len(_UNITS):
        number, unit = number / 1000, unit + 1
    return f"{value} B" if not unit else f"{number:.3g} {_UNITS[unit]}"


def _table(texts: Iterable[str], numbers: Iterable[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in texts:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
