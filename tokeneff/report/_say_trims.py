"""Trimming in words, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tokeneff.report._say import amount, money, several, share
from tokeneff.report._trim_values import Compared, Interval, Trimmed


def told(found: Trimmed) -> Iterator[tuple[str, str]]:
    """What there is to say, each with its name."""
    counts = ((found.trimmed, "trimmed"), (found.whole, "sent whole"), (found.held_out, "held out"))
    refused = f", {several(found.refused, 'refused one', 'refused ones')} sent again whole" if found.refused else ""
    yield "calls", ", ".join(f"{count:,} {name}" for count, name in counts) + refused
    if found.edits:
        yield "edits", " · ".join(f"{kind} {count:,}" for kind, count in found.edits)
    if found.trimmed:
        part = "" if found.estimated == found.trimmed else f"of {several(found.estimated, 'call')} "
        estimated = f", {part}as estimated" if found.estimated else ""
        yield "tokens removed", f"{amount(found.tokens)} of the input{estimated}"
        yield "saved, net", _net(found)
        yield "expected", f"{money(found.predicted)} of the same calls{_gain(found)}"
        dearer = f"{found.dearer:,} cost more than {'it' if found.dearer == 1 else 'they'} would have"
        yield (
            "conversations",
            f"{found.conversations:,}: {dearer if found.dearer else 'none cost more than it would have'}",
        )
    if found.compared is not None:
        yield from _compared(found.compared)


def _net(found: Trimmed) -> str:
    rest = f"; unknown of {several(found.unknown, 'call')}" if found.unknown else ""
    if found.unknown == found.trimmed:
        return "unknown"
    part = (
        f" of {money(found.untrimmed)} of input ({_percent(found.realised / found.untrimmed)})"
        if found.untrimmed
        else ""
    )
    basis = ", by the provider's counts" + (
        " and a simulation of what its cache would have held" if found.simulated else ""
    )
    return f"{money(found.realised)}{part}{basis}{rest}"


def _gain(found: Trimmed) -> str:
    return f"; {money(found.gain)} over the conversations of which some history was left out" if found.gain else ""


def _compared(found: Compared) -> Iterator[tuple[str, str]]:
    ours, theirs = found.trimmed, found.held_out
    left = f"; {several(found.left_out, 'conversation')} left out" if found.left_out else ""
    yield (
        "held out",
        f"{theirs.conversations:,} of {several(ours.conversations + theirs.conversations, 'conversation')}{left}",
    )
    if ours.conversations and theirs.conversations:
        each = (money(arm.cost // arm.conversations) for arm in (ours, theirs))
        mean = "{} against {} held out".format(*each)
        yield "mean cost of one", mean + _within(found.saved, lambda value: money(round(value)))
        if ours.baseline and theirs.baseline:
            paid = (f"${arm.input_cost / arm.baseline:.3f}" for arm in (ours, theirs))
            ratio = "{} against {} held out".format(*paid)
            yield "paid for each input dollar untrimmed", ratio + _within(found.share, _percent)
    yield "how sure", found.method


def _within(interval: Interval | None, say: Callable[[float], str]) -> str:
    if interval is None:
        return ""
    value, low, high = map(say, interval)
    none = "" if interval.low > 0 or interval.high < 0 else "; no difference is within that"
    return f": saves {value} ({low} to {high}){none}"


def _percent(part: float) -> str:
    return f"−{share(-part)}" if part < 0 else share(part)
