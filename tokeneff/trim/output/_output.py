"""What is asked of the output of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from tokeneff.budgets import _checks as check
from tokeneff.budgets._scopes import quoted

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Verbosity: TypeAlias = Literal["low", "medium", "high"]
Value: TypeAlias = str | bool | int | float
Inner: TypeAlias = tuple[tuple[str, tuple[tuple[str, "Output"], ...]], ...]

CHARACTERS = 8_000
"""Of repetition, after which a stream is cut where no number is given."""
_LEAST_TOKENS, _LEAST_CHARACTERS = 16, 1_000
_SAID = ("max_tokens", "effort", "verbosity", "stop_repetition")


class Wanted(NamedTuple):
    """What holds for one call."""

    max_tokens: int | None = None
    effort: str | None = None
    verbosity: str | None = None
    repetition: int | None = None
    """Characters of repetition after which its stream is cut."""


@dataclass(frozen=True, init=False, repr=False)
class Output:
    """What is asked of the output of calls where they say nothing of it themselves, and when a stream is cut.

    Example::

        client = tokeneff.wrap(OpenAI(), trim=tokeneff.Trim(output=tokeneff.Output(
            max_tokens=2_000,
            effort="low",
            stop_repetition=True,
            by={"feature": {"chat": tokeneff.Output(max_tokens=400), "report": tokeneff.Output(effort="high")}},
        )))

    A default is sent with a call whose caller left that open, under the name that its API and model have for it. It is
    not sent to a model that is known not to take it. If a provider refuses a call with a default in it, the call is
    sent once more without; where it is taken then, that default is given up for this model at this host, and a warning
    says so once.

    It is frozen, and can be compared, hashed and pickled. ``None`` says nothing; ``False`` says that there is none,
    whatever holds otherwise.

    Args:
        max_tokens: tokens of output at most, reasoning included, at least 16: ``max_completion_tokens`` or
            ``max_tokens`` of chat completions, ``max_output_tokens`` of responses. Anthropic's API has no call without
            it, so there the caller's own holds. A reply that comes to it ends with ``length``, and ``.parse()`` raises
            for that as it always does.
        effort: of reasoning, ``"none"``, ``"minimal"``, ``"low"``, ``"medium"``, ``"high"``, ``"xhigh"`` or ``"max"``:
            ``reasoning_effort``, ``reasoning.effort``, or Anthropic's ``output_config.effort``.
        verbosity: ``"low"``, ``"medium"`` or ``"high"``: ``verbosity`` or ``text.verbosity``, of OpenAI's models.
        stop_repetition: whether a stream that says the same over and over is cut: when the end of its text, of its
            reasoning or of a tool call's arguments is one unit of at most 1,600 characters at least 20 times over, and
            that is 8,000 characters or more (or as many as are given here, at least 1,000). The tables, zeros and
            identical rows that models write on purpose are shorter than that; a task that has longer ones takes a
            larger number. The caller's next chunk then is :class:`RunawayRepetition`, and not an early end: half of a
            tool call, or of a text, would pass for a reply. What had come is in its ``partial``.
        by: names of tags (see :func:`tag`) to their values, each with an ``Output`` of its own; what that does not say
            is as it is said outside. Values are told apart by their text, so ``1`` and ``"1"`` are one. Of several that
            fit, the tag that is written first says what holds.

    Raises:
        TypeError, ValueError: an argument is wrong; the text says what to write.
    """

    max_tokens: int | Literal[False] | None
    effort: Effort | Literal[False] | None
    verbosity: Verbosity | Literal[False] | None
    stop_repetition: int | Literal[False] | None
    """Characters."""
    by: Inner

    def __init__(
        self,
        *,
        max_tokens: int | Literal[False] | None = None,
        effort: Effort | Literal[False] | None = None,
        verbosity: Verbosity | Literal[False] | None = None,
        stop_repetition: bool | int | None = None,
        by: Mapping[str, Mapping[Any, Output]] | None = None,
    ) -> None:
        self.__dict__.update(
            max_tokens=_tokens(max_tokens),
            effort=_word(effort, "effort", ("none", "minimal", "low", "medium", "high", "xhigh", "max")),
            verbosity=_word(verbosity, "verbosity", ("low", "medium", "high")),
            stop_repetition=_characters(stop_repetition),
            by=_inner(by),
        )

    def wanted(self, tags: Mapping[str, object]) -> Wanted:
        """What holds for a call with these tags."""
        found = self._said(tags) if self.by else {name: getattr(self, name) for name in _SAID}
        return Wanted(*(found.get(name) or None for name in _SAID))

    def _said(self, tags: Mapping[str, object]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, values in self.by:
            inner = dict(values).get(quoted(tags[name])) if name in tags else None
            if inner is not None:
                found = {**inner._said(tags), **found}
        own = {name: value for name in _SAID if (value := getattr(self, name)) is not None}
        return {**own, **found}

    def __repr__(self) -> str:
        told = [f"{name}={value!r}" for name in _SAID if (value := getattr(self, name)) is not None]
        if self.by:
            told.append(f"by={ {name: dict(values) for name, values in self.by}!r}")
        return f"Output({', '.join(told)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, ({one.name: getattr(self, one.name) for one in fields(self)},)


def _restored(said: dict[str, Any]) -> Output:
    made = Output()
    made.__dict__.update(said)
    return made


def _tokens(value: object) -> int | Literal[False] | None:
    if value is False:
        return False
    found = check.count(value, "max_tokens")
    if found is not None and found < _LEAST_TOKENS:
        raise ValueError(f"max_tokens={value!r} is fewer than the {_LEAST_TOKENS} that the Responses API asks for")
    return found


def _word(value: object, what: str, known: tuple[str, ...]) -> str | Literal[False] | None:
    return value if value is None or value is False else check.one_of(value, what, known)


def _characters(value: object) -> int | Literal[False] | None:
    if value is None or value is False:
        return value
    if value is True:
        return CHARACTERS
    found = check.count(value, "stop_repetition")
    if found is not None and found < _LEAST_CHARACTERS:
        raise ValueError(
            f"stop_repetition={value!r} is too few: what repeats itself for less than {_LEAST_CHARACTERS:,} characters "
            f"may be meant; write True, for {CHARACTERS:,}, or a number of characters"
        )
    return found


def _inner(value: object) -> Inner:
    if value is None:
        return ()
    hint = 'write by={"feature": {"chat": tokeneff.Output(max_tokens=400)}}'
    if not isinstance(value, Mapping):
        raise TypeError(f"by= takes tags to their values, not {value!r}: {hint}")
    found = cast("Mapping[object, object]", value)
    check.by(tuple(found), "total")
    return tuple((cast("str", name), _values(name, values, hint)) for name, values in found.items())


def _values(name: object, values: object, hint: str) -> tuple[tuple[str, Output], ...]:
    if not isinstance(values, Mapping):
        raise TypeError(f"by={{{name!r}: …}} takes values of that tag, each with an Output, not {values!r}: {hint}")
    found: dict[str, Output] = {}
    for value, output in cast("Mapping[object, object]", values).items():
        if not isinstance(value, (str, bool, int, float)):
            raise TypeError(f"by={{{name!r}: {{{value!r}: …}}}}: tags have texts, numbers and booleans for values")
        if not isinstance(output, Output):
            raise TypeError(f"by={{{name!r}: {{{value!r}: …}}}} takes a tokeneff.Output, not {output!r}: {hint}")
        if quoted(value) in found:
            raise ValueError(f"by={{{name!r}: …}} has {value!r} twice: values are told apart by their text")
        found[quoted(value)] = output
    return tuple(found.items())
