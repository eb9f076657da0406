"""The doctor's report, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

_STEPS = {
    "tokeneff": "tokeneff adds its counts to that tool's span",
    "it": "that tool makes no span of its own",
    "nobody": "nobody: two spans, where it is active",
}
_STYLES = {"supported": "green", "untested": "yellow", "too old": "red", "missing": "dim"}


def tables(report: dict[str, Any]) -> Iterator[Table]:
    """Return the report's tables, without those that would be empty."""
    yield _table("versions", _versions(report))
    yield _table(
        "environment", report["environment"].items() or [("(no OTEL_*, TOKENEFF_*, OPENAI_* or ANTHROPIC_*)", "")]
    )
    if report["collectors"]:
        yield _table("collectors", map(_collector, report["collectors"]))
    yield _table("recording", _recording(report))
    yield _table("what is sent where", (("-", line) for line in report["sent"]))


def _table(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, pad_edge=False)
    table.add_column(style="cyan", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(f"  {name}"), Text(value, style=_STYLES.get(value.rpartition("  ")[2], "")))
    table.add_section()
    return table


def _versions(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    states = {sdk["name"]: sdk["state"] for sdk in report["sdks"]}
    for name, version in report["versions"].items():
        if version is None:
            yield name, "not installed"
        else:
            yield name, f"{version}  {states[name]}" if name in states else version


def _collector(collector: dict[str, Any]) -> tuple[str, str]:
    state = {True: "something listens", False: "NOTHING LISTENS", None: "not tried: no endpoint is set"}
    return collector["signal"], f"{collector['endpoint']}  ({state[collector['listening']]})"


def _recording(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "tokeneff.install()", "active in this process" if report["installed"] else "not active in this process"
    yield "prompts and replies", report["content_capture"]
    yield "Anthropic's own tracing", _anthropic(report["anthropic_tracing"])
    for peer in report["peers"]:
        yield f"{peer['name']} {peer['version']}", _STEPS[peer["steps_back"]]
    if not report["peers"]:
        yield "other instrumentors", "none that is known is installed"


def _anthropic(state: str) -> str:
    return f"{state} (silent during calls of wrapped clients)" if state == "on" else state
