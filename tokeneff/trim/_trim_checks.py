"""What is given to :class:`Trim`, checked: each function returns what was meant, or says what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokeneff.cache import _checks as check
from tokeneff.trim.kinds import LOSSY

if TYPE_CHECKING:
    from tokeneff.trim._trim import Via
    from tokeneff.trim.output._output import Output
    from tokeneff.trim.summaries._summarise import Summarise


def store(value: object) -> str:
    """The URL of a store."""
    found = check.store(value)
    if not isinstance(found, str):
        raise TypeError("store= takes a URL, as 'sqlite:///trim.db'")
    return found


def tokens(value: object) -> int | None:
    """A number of tokens, if any is given."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"max_input_tokens= takes a whole number of tokens, not {value!r}")
    if value < 1:
        raise ValueError(f"max_input_tokens={value!r}: write how many tokens a request may have, as 120_000")
    return value


def lossy(value: Any) -> tuple[str, ...]:
    """Names of kinds that leave something out."""
    known = tuple(name for name in LOSSY if name != "llmlingua")
    if value is True:
        return known
    if value is False:
        return ()
    names = check.names(value, "lossy", "logs")
    for name in names:
        if name not in LOSSY:
            raise ValueError(f"lossy={name!r} is no kind; write True, or some of {', '.join(LOSSY)}")
    return names


def share(value: object) -> float:
    """A share of all."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"holdout= takes a share from 0 to 1, not {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"holdout={value!r} is no share; write one from 0 to 1, as 0.05")
    return float(value)


def via(value: object) -> Via:
    """Who clears what is old."""
    if value not in ("tokeneff", "provider"):
        raise ValueError(f"via={value!r} is not known; write 'tokeneff' or 'provider'")
    return value


def summarise(value: object) -> Summarise | None:
    """Who writes summaries, if anybody does."""
    if value is None:
        return None
    from tokeneff.trim.summaries._summarise import Summarise

    if isinstance(value, Summarise):
        return value
    raise TypeError(f"summarise= takes a tokeneff.Summarise(client, model), not {_kind(value)}")


def output(value: object) -> Output | None:
    """What is asked of replies, if anything is."""
    if value is None:
        return None
    from tokeneff.trim.output._output import Output

    if isinstance(value, Output):
        return value
    raise TypeError(f"output= takes a tokeneff.Output, as tokeneff.Output(max_tokens=2_000), not {_kind(value)}")


def _kind(value: object) -> str:
    return (
        f"the class {value.__name__}: call it" if isinstance(value, type) else f"a value of type {type(value).__name__}"
    )
