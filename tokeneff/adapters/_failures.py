"""Errors as neutral values."""

from __future__ import annotations

from tokeneff._flow import Failure


def failure_of(error: BaseException) -> Failure:
    """A Failure for an SDK's error: ``openai.RateLimitError``, as the official instrumentation names it.

    The status and the provider's message come with it; the exception itself is let go.
    """
    kind = type(error)
    root = kind.__module__.partition(".")[0]
    name = kind.__qualname__ if root == "builtins" else f"{root}.{kind.__qualname__}"
    status = getattr(error, "status_code", None)
    cause = error.__cause__
    return Failure(
        name, str(error), status if isinstance(status, int) else None, "" if cause is None else type(cause).__name__
    )
