"""What came of a replay, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokeneff.cli._totals import show_usage, totals

if TYPE_CHECKING:
    from tokeneff.cli._output import Output
    from tokeneff.cli._recording import Recording
    from tokeneff.cli._replaying import Replay

_SHOWN = 10  # lines of a kind; --json has them all


def summarise(name: str, replay: Replay, took: float, recording: Recording) -> dict[str, Any]:
    """Return the result of a replay as JSON values; times in seconds."""
    tally = replay.tally
    summary: dict[str, Any] = {
        "file": name,
        "conversations": tally.conversations,
        **totals(list(replay.clients.values())),
        "calls": tally.calls,
        "failed": tally.failed,
        "errors": tally.errors,
        "recorded_usage": {"calls": tally.recorded_usage, "conversations_without": tally.without_usage},
        "skipped": [{"file": line.file, "line": line.line, "reason": line.reason} for line in tally.skipped],
        "seconds": round(took, 3),
    }
    if recording.otel is not None:
        summary["otlp"] = {"sent_spans": recording.otel.sent_spans, "lost_spans": recording.otel.lost_spans}
    return summary


def print_summary(out: Output, summary: dict[str, Any], clients: list[Any]) -> None:
    """Print the totals, then what is to be said of them."""
    from rich.text import Text

    show_usage(out, clients)
    rate = summary["calls"] / summary["seconds"] if summary["seconds"] else 0
    out.show(
        f"{_many(summary['conversations'], 'conversation')}, {_many(summary['calls'], 'call')} in "
        f"{summary['seconds']:.1f} s ({rate:,.0f} calls/s), {summary['failed']:,} failed, "
        f"{_many(len(summary['skipped']), 'line')} skipped"
    )
    out.show(Text(_usage_note(summary)))
    skipped = [f"skipped {line['file']}:{line['line']}: {line['reason']}" for line in summary["skipped"]]
    for lines, style in ((summary["errors"], "red"), (skipped, "yellow")):
        for line in lines[:_SHOWN]:
            out.show(Text(line, style=style))
        if len(lines) > _SHOWN:
            out.show(Text(f"… and {len(lines) - _SHOWN:,} more (--json has them)", style=style))


def _usage_note(summary: dict[str, Any]) -> str:
    known, total = summary["recorded_usage"]["calls"], summary["calls"]
    without = summary["recorded_usage"]["conversations_without"]
    if not without:
        return "usage: as recorded, for every call"
    counted = "counted by the built-in provider, at about four characters a token"
    if not known:
        return f"usage: none is recorded; {counted}"
    some = ", ".join(without[:3]) + (" …" if len(without) > 3 else "")
    return f"usage: as recorded for {known:,} of {total:,} calls; the rest (in {some}) {counted}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
