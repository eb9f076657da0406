"""Spans as a tree that people can read: what was called, what it cost in tokens and time, how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tokeneff.telemetry import names

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from rich.text import Text
    from rich.tree import Tree

Tags = dict[str, str]

_SEPARATOR = " · "


def span_tree(spans: Sequence[ReadableSpan], title: str) -> Tree:
    """Return a tree of finished spans: each under its parent, in the order they began.

    A tag that all calls beneath a node share is shown there, and not again below it.
    """
    from rich.text import Text
    from rich.tree import Tree

    known = {span.context.span_id for span in spans if span.context}
    children: dict[int | None, list[ReadableSpan]] = {}
    for span in sorted(spans, key=lambda span: span.start_time or 0):
        parent = span.parent.span_id if span.parent and span.parent.span_id in known else None
        children.setdefault(parent, []).append(span)

    def tags_beneath(spans: Sequence[ReadableSpan]) -> list[Tags]:
        found: list[Tags] = []
        for span in spans:
            found += [tags_of(span)] if _is_call(span) else tags_beneath(_children(children, span))
        return found

    def grow(branch: Tree, spans: Sequence[ReadableSpan], shown: Tags) -> None:
        for span in spans:
            below = _children(children, span)
            tags = tags_of(span) if _is_call(span) else _common(tags_beneath(below))
            own = {key: value for key, value in tags.items() if shown.get(key) != value}
            grow(branch.add(_label(span, own)), below, {**shown, **tags})

    tops = children.get(None, [])
    common = _common(tags_beneath(tops))
    root = Tree(Text(title, style="bold").append(_tags(common), style="not bold cyan"), guide_style="dim")
    grow(root, tops, common)
    return root


def _children(children: Mapping[int | None, list[ReadableSpan]], span: ReadableSpan) -> list[ReadableSpan]:
    return children.get(span.context.span_id, []) if span.context else []


def _common(all_tags: list[Tags]) -> Tags:
    first = all_tags[0] if all_tags else {}
    return {key: value for key, value in first.items() if all(tags.get(key) == value for tags in all_tags)}


def tags_of(span: ReadableSpan) -> Tags:
    """Return the tags of a span by the names they were given with."""
    attributes = span.attributes or {}
    return {key.removeprefix(names.TAG): str(value) for key, value in attributes.items() if key.startswith(names.TAG)}


def seconds(value: float) -> str:
    """Return a duration as people say it: `12 ms`, `1.3 s`, `2 min 5 s`."""
    if value < 0.9995:
        return f"{value * 1000:.0f} ms" if value >= 0.0095 else f"{value * 1000:.1f} ms"
    return f"{value:.1f} s" if value < 60 else f"{value // 60:.0f} min {value % 60:.0f} s"


def _is_call(span: ReadableSpan) -> bool:
    return names.ENDING in (span.attributes or {})


def _label(span: ReadableSpan, tags: Tags) -> Text:
    from rich.text import Text

    attributes: Mapping[str, Any] = span.attributes or {}
    took = seconds(((span.end_time or 0) - (span.start_time or 0)) / 1e9)
    label = Text(span.name, style="bold" if _is_call(span) else "")
    if not _is_call(span):
        return label.append(f"  {took}", style="dim").append(_tags(tags), style="cyan")
    label.append(f"  {_SEPARATOR.join(_first_line(attributes, took))}", style="dim")
    ending = str(attributes.get(names.ENDING))
    if ending != "read":
        label.append(f"{_SEPARATOR}{ending.replace('_', ' ')}", style="red" if ending == "failed" else "yellow")
    if error := attributes.get(names.ERROR_TYPE):
        label.append(f"{_SEPARATOR}{error}", style="red")
    label.append("\n  " + _tokens(attributes), style="green")
    if retried := _attempts(attributes, span.events):
        label.append(_SEPARATOR + retried, style="yellow")
    return label.append(_tags(tags), style="cyan")


def _first_line(attributes: Mapping[str, Any], took: str) -> Iterable[str]:
    if provider := attributes.get(names.PROVIDER):
        yield str(provider)
    asked, served = attributes.get(names.REQUEST_MODEL), attributes.get(names.RESPONSE_MODEL)
    if served and asked and served != asked:
        yield f"answered by {served}"
    yield took
    first = attributes.get(names.FIRST_CHUNK)
    if isinstance(first, int | float):
        yield f"first token {seconds(first)}"
    speed = attributes.get(names.SPEED)
    if isinstance(speed, int | float):
        yield f"{speed:,.0f} tokens/s"
    reasons = attributes.get(names.FINISH_REASONS)
    if reasons:
        yield ", ".join(dict.fromkeys(map(str, reasons)))


def _tokens(attributes: Mapping[str, Any]) -> str:
    parts = dict(names.USAGE_PARTS)
    told = [
        _count(attributes, "in", names.INPUT_TOKENS, names.INPUT_SOURCE, ("cache_read", "cache_write"), parts),
        _count(attributes, "out", names.OUTPUT_TOKENS, names.OUTPUT_SOURCE, ("reasoning",), parts),
    ]
    cost = attributes.get(names.COST_USD)
    if isinstance(cost, float):
        told.append(f"${cost:.6f}")
    return _SEPARATOR.join(told)


def _count(
    attributes: Mapping[str, Any], name: str, total: str, source: str, inner: Sequence[str], parts: Mapping[str, str]
) -> str:
    count = attributes.get(total)
    if not isinstance(count, int):
        return f"{name} ?"
    estimated = attributes.get(source, attributes.get(names.SOURCE)) == "estimated"
    told = [f"{part.replace('_', ' ')} {attributes[parts[part]]:,}" for part in inner if attributes.get(parts[part])]
    told += ["estimated"] if estimated else []
    return f"{name} {'~' if estimated else ''}{count:,}" + (f" ({', '.join(told)})" if told else "")


def _attempts(attributes: Mapping[str, Any], events: Sequence[Event]) -> str:
    resent = attributes.get(names.RESEND_COUNT)
    failed = [event.attributes or {} for event in events if event.name == names.ATTEMPT_EVENT]
    count = max(resent if isinstance(resent, int) else 0, len(failed))
    if not count:
        return ""
    told: list[str] = []
    for event in failed:
        why = str(event.get(names.HTTP_STATUS) or event.get(names.ERROR_TYPE) or "failed")
        delay = event.get(names.ATTEMPT_DELAY)
        told.append(f"{why}, waited {seconds(delay)}" if isinstance(delay, int | float) else why)
    return f"{count + 1} attempts" + (f" ({'; '.join(told)})" if told else "")


def _tags(tags: Tags) -> str:
    return "".join(f"  {key}={value}" for key, value in sorted(tags.items()))
