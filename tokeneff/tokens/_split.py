"""A prompt's tokens by what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    """The same parts as shares of another total, in whole tokens that sum to it (largest remainders first)."""
    own = sum(parts)
    if total <= 0 or own <= 0:
        return parts._replace(**dict.fromkeys(parts._fields, 0))._replace(user=max(total, 0))
    shares = [part * total for part in parts]
    whole = [share // own for share in shares]
    rests = sorted(range(len(shares)), key=lambda index: (-(shares[index] % own), index))
    for index in rests[: total - sum(whole)]:
        whole[index] += 1
    return type(parts)(*whole)
