"""Output tokens by what they were."""

from __future__ import annotations

from collections.abc import Callable

from tokeneff._flow import Tokens, Written
from tokeneff._shares import split
from tokeneff.accounts._account import OutputParts


def output_parts(tokens: Tokens, written: Written | None, count: Callable[[str], int]) -> OutputParts | None:
    """The reply's tokens as text, reasoning and tool calls, which sum to the output total exactly.

    Reasoning is the provider's own count where it gives one, and otherwise told apart by our count of what can be
    read of it. The rest is shared between text and tool calls by our counts of both.

    Args:
        tokens: of the reply. written: what it consists of. count: tokens of a text.

    Returns:
        ``None`` where the total is not known, or nobody read what the reply consists of.
    """
    total = tokens.output_tokens
    if total is None:
        return None
    reasoning = tokens.reasoning
    if reasoning is not None:
        reasoning = min(max(reasoning, 0), total)
        if reasoning == total:
            return OutputParts(reasoning=total)
    if written is None:
        return OutputParts() if total == 0 else None
    thought = 1 if reasoning is None and written.reasoning else 0
    if bool(written.text) + bool(written.tool_calls) + thought <= 1:
        return _single(total, reasoning or 0, written, thought)
    text = max(count(written.text), 1) if written.text else 0
    calls = sum(max(count(name) + count(arguments), 1) for name, arguments in written.tool_calls)
    if thought:
        return OutputParts(*split(total, (text, max(count(written.reasoning), 1), calls)))
    text, calls = split(total - (reasoning or 0), (text, calls))
    return OutputParts(total - (reasoning or 0) - calls, reasoning or 0, calls)


def _single(total: int, reasoning: int, written: Written, thought: int) -> OutputParts:
    """All that is not the provider's reasoning is of one kind, and nothing needs counting."""
    rest = total - reasoning
    if written.tool_calls:
        return OutputParts(0, reasoning, rest)
    return OutputParts(0, rest, 0) if thought else OutputParts(rest, reasoning, 0)
