"""An advice as plain text, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from tokeneff.advise._plans import AS_RECORDED
from tokeneff.advise._values import MOST_DEARER, MOST_LOST, Advice, Choice
from tokeneff.report._say import amount, brief, money, several, share

WIDTH = 100
_HEADS = ("dollars", "saved", "tokens", "lost", "dearer", "worst", "pays after")
_MOST_MODELS = 3
_RISKY = f"over {MOST_LOST:.0%} lost, a conversation over {MOST_DEARER:.1%} dearer, or a request that does not fit"


def text_of(advice: Advice) -> str:
    """The whole of it."""
    return "\n".join(_lines(advice))


def clean(text: str, most: int = 60) -> str:
    """A name from outside, as a terminal may be given it."""
    return brief("".join(char if char.isprintable() else "\ufffd" for char in text), most)


def _lines(advice: Advice) -> Iterator[str]:
    yield f"tokeneff advise on {clean(advice.source, 80)}"
    if not advice.choices:
        yield "no requests that could be replayed"
    else:
        size = f"{several(advice.conversations, 'conversation')}, {several(advice.requests, 'request')}"
        models = ", ".join(clean(model) for model in advice.models[:_MOST_MODELS])
        more = f" and {len(advice.models) - _MOST_MODELS} more" if len(advice.models) > _MOST_MODELS else ""
        yield f"{size} to {models}{more}"
        yield ""
        yield from _table(advice)
        yield ""
        yield from _writing(advice)
        yield ""
    yield "where the numbers come from"
    for note in advice.notes:
        yield from wrap(clean(note, 1_000), WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _table(advice: Advice) -> Iterator[str]:
    digits = len(str(len(advice.choices)))
    rows = [(f"{number:>{digits}}. {choice.name}", *_row(choice)) for number, choice in enumerate(advice.choices, 1)]
    heads = ("", *_HEADS)
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    yield _line(heads, widths)
    sound = True
    for choice, row in zip(advice.choices, rows, strict=True):
        if sound and not choice.sound:
            yield f"with a second look: {_RISKY}"
        sound = choice.sound
        yield _line(row, widths)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in _numbered(row, widths)]
    return "  ".join(cells).rstrip()


def _numbered(row: Sequence[str], widths: Sequence[int]) -> Iterator[tuple[int, tuple[str, int]]]:
    return enumerate(zip(row, widths, strict=True))


def _row(choice: Choice) -> tuple[str, ...]:
    before = choice.input_tokens + choice.spared_tokens
    tokens = _percent(choice.input_tokens / before - 1 if before else 0.0)
    if choice.name == AS_RECORDED:
        return money(choice.cost), "", f"{amount(choice.input_tokens)}", "", "", "", ""
    lost = f"{choice.lost:,}/{choice.identifiers:,}" if choice.identifiers else "0"
    if not choice.changed:
        return money(choice.cost), "0 %", tokens, lost, "0", "", ""
    return (
        money(choice.cost),
        _percent(-choice.change),
        tokens,
        lost,
        f"{choice.dearer:,} of {choice.changed:,}",
        _signed(choice.worst_change),
        _after(choice),
    )


def _percent(part: float) -> str:
    return f"\u2212{share(-part)}" if part < 0 else share(part)


def _signed(part: float) -> str:
    return f"{part:+.1%}".replace("-", "\u2212").replace("%", " %")


def _after(choice: Choice) -> str:
    if choice.pays_after is None:
        return "never"
    return "at once" if choice.pays_after == 0 else str(choice.pays_after)


def _writing(advice: Advice) -> Iterator[str]:
    yield "what to write, the best first"
    known: dict[tuple[int, int, int], int] = {}
    for number, choice in enumerate(advice.choices, 1):
        if choice.saved <= 0:
            continue
        same = known.setdefault((choice.cost, choice.input_tokens, choice.lost), number)
        if same != number:
            yield f"{number:>3}. makes no difference to {same}."
            continue
        yield f"{number:>3}. {choice.write}"
        for told in _told(choice):
            yield from wrap(told, WIDTH, initial_indent="     ", subsequent_indent="     ")
    if not any(choice.saved > 0 for choice in advice.choices):
        yield "  nothing: the traffic costs least as it is"


def _told(choice: Choice) -> Iterator[str]:
    of = f", {share(choice.lost / choice.identifiers)} of all" if choice.identifiers and choice.lost else ""
    if choice.answered:
        yield f"{several(choice.answered, 'request')} answered from the cache"
    if choice.lost:
        yield f"not in what is sent: {several(choice.lost, 'identifier')} that the next recorded turn used{of}"
    if choice.worst:
        yield f"worst conversation {_signed(choice.worst_change)}: {clean(choice.worst)}"
    if choice.never:
        yield f"{several(choice.never, 'conversation')} never paid back what was spent on changing them"
    if choice.refused:
        yield f"{several(choice.refused, 'request')} would be refused by the provider"
    if choice.too_long:
        yield f"{several(choice.too_long, 'request')} could not be brought under the limit"
