"""A prompt's tokens by what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokeneff._shares import split
from tokeneff.tokens._prompt import Prompt

if TYPE_CHECKING:
    from tokeneff.accounts import InputParts


def raw_parts(prompt: Prompt) -> InputParts:
    """The tokens of a prompt's pieces by what they were, as counted: they sum to the pieces' tokens, without frame.

    What users said is history up to the last thing that the model said, and new after it. Tool results, and what is
    attached, count as such wherever they are.
    """
    from tokeneff.accounts import InputParts

    pieces = prompt.pieces
    last = max((index for index, piece in enumerate(pieces) if piece.kind == "assistant"), default=-1)
    system = tools = history = assistant = results = attached = user = 0
    for index, piece in enumerate(pieces):
        kind = piece.kind
        for content, tokens in piece.contents:
            if kind == "tools":
                tools += tokens
            elif content == "attached":
                attached += tokens
            elif kind == "system":
                system += tokens
            elif content == "tool_result":
                results += tokens
            elif kind == "assistant":
                assistant += tokens
            elif kind == "tool":
                results += tokens
            elif index > last:
                user += tokens
            else:
                history += tokens
    return InputParts(system, tools, history, assistant, results, attached, user)


def scaled(parts: InputParts, total: int) -> InputParts:
    """The same parts as shares of another total, in whole tokens that sum to it; without any, all is the ``user``'s."""
    kind = type(parts)
    return kind(*split(total, parts)) if total > 0 and any(parts) else kind(user=max(total, 0))
