"""A settled call as a record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tokeneff._chance import chance
from tokeneff._flow import Call, Outcome, Tokens
from tokeneff._log import log_once
from tokeneff.accounts import Account, Prefix
from tokeneff.ledger._columns import TRIMS
from tokeneff.ledger._record import CallRecord, unbilled

if TYPE_CHECKING:
    from tokeneff._done import Shaped, Trimming
    from tokeneff.adapters._hosts import Site

UNDECLARED = "(undeclared)"
_NO_ACCOUNT = Account()
_NO_INPUT, _NO_OUTPUT = (None,) * 7, (None,) * 3
_NO_PREFIX = (None, "", "", None, "", 0, None)
_NO_TRIM = tuple(CallRecord._field_defaults[name] for name in TRIMS)


def record_of(
    call: Call,
    outcome: Outcome,
    account: Account | None,
    site: Site,
    began: float | None = None,
    *,
    keep_content: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
) -> CallRecord:
    """What the ledger keeps of a call that is over.

    Args:
        account: its tokens and dollars, or ``None`` where nobody kept accounts.
        site: where it went.
        began: when the call was made, in seconds since 1970; found from the outcome's clock unless told.
        keep_content: the messages are kept, as this function returns them (:meth:`Capture.masked`). It is called with
            attribute names and values that are not serialised yet. ``None``: no content is kept.
    """
    account = account or _NO_ACCOUNT
    if began is None:
        began = time.time() - (perf_counter() - outcome.started if outcome.started else 0.0)
    # In the order of the fields: with so many, to name each would cost as much as all the rest.
    record = CallRecord._make(
        (
            *_told(call, outcome, site, account.session, int(began * 1e6)),
            *_counts(outcome.tokens),
            *accounted(account, _declared(account) if account.called else ()),
            _tags(call.tags) if call.tags else (),
            _decisions(outcome),
            None if keep_content is None else _content(call, outcome, keep_content),
            *(_NO_TRIM if outcome.trimmed is None else _trimmed(outcome.trimmed)),
        )
    )
    return record if outcome.ending not in ("failed", "refused") else unbilled(record)


def _decisions(outcome: Outcome) -> tuple[tuple[str, str, int | None], ...]:
    """What policies decided; a decision that saves nothing is with 0, and with ``None`` where nobody knows."""
    served, guard, placed, trimmed = outcome.served, outcome.guard, outcome.placed, outcome.trimmed
    if served is None and guard is None and placed is None and trimmed is None and outcome.output is None:
        return ()
    found: list[tuple[str, str, int | None]] = []
    if served is not None:
        said = f"{served.said}: {served.why}" if served.said == "bypass" else served.said
        found.append(("cache", said, 0 if served.saved is None else served.saved.cost))
    if placed is not None:
        found.append(("prompt cache", placed.added or placed.said, placed.saved if placed.said == "placed" else 0))
    if trimmed is not None and trimmed.said != "whole":
        found.append(("trim", trimmed.said, 0 if trimmed.said == "held out" else trimmed.realised))
    if outcome.output is not None:
        found += _shaped(outcome.output)
    if guard is not None and guard.action:
        found.append(("budget", guard.action, None))
    return tuple(found)


def _shaped(shaped: Shaped) -> Iterator[tuple[str, str, int | None]]:
    """What defaults and a cut have saved cannot be known."""
    if shaped.defaults:
        yield ("output", "refused", 0) if shaped.refused else ("output", "defaults", None)
    if shaped.repeated is not None:
        yield "output", "cut", None


def _trimmed(trimmed: Trimming) -> tuple[Any, ...]:
    """From ``trim`` to ``trim_baseline``."""
    return (
        trimmed.said,
        trimmed.conversation,
        tuple(sorted(trimmed.edits.items())),
        trimmed.texts,
        trimmed.saved,
        "" if trimmed.saved is None else "provider" if trimmed.counted else "estimated",
        trimmed.gain,
        trimmed.expected,
        trimmed.realised,
        trimmed.untrimmed,
        trimmed.proof,
        trimmed.baseline,
    )


def _told(call: Call, outcome: Outcome, site: Site, session: str | None, at: int) -> tuple[Any, ...]:
    """Whose call it was and how it went, from ``call_id`` to ``chunks``."""
    facts, failure, started = outcome.facts, outcome.failure, outcome.started
    first = outcome.first_chunk if call.stream else None
    asked = call.body.get("model")
    asked = asked if isinstance(asked, str) else ""
    return (
        new_id(at),
        at,
        int((outcome.ended - started) * 1e6) if started else None,
        int((first - started) * 1e6) if first is not None else None,
        call.endpoint.operation,
        call.family.name,
        site.provider,
        site.endpoint,
        asked,
        facts.model or asked,
        facts.service_tier or "",
        session or _tagged_session(call.tags),
        facts.id or "",
        call.stream,
        outcome.ending,
        "" if failure is None else failure.type,
        outcome.status if failure is None or failure.status is None else failure.status,
        ",".join(facts.finish_reasons),
        len(outcome.attempts),
        outcome.chunks if call.stream else 0,
    )


def _counts(tokens: Tokens) -> tuple[Any, ...]:
    """From ``usage_source`` to ``audio_output``."""
    return (
        tokens.source,
        tokens.input_tokens,
        tokens.output_tokens,
        tokens.cache_read,
        tokens.cache_write,
        tokens.cache_write_1h,
        tokens.reasoning,
        tokens.image_input,
        tokens.audio_input,
        tokens.audio_output,
    )


ACCOUNTED = CallRecord._fields[CallRecord._fields.index("in_system") : CallRecord._fields.index("tags")]


def accounted(account: Account, called: tuple[str, ...]) -> tuple[Any, ...]:
    """The fields of a record that say what an account does: those of :data:`ACCOUNTED`, in their order.

    Args:
        called: names of tools that the reply calls, fit to be kept.
    """
    return (
        *(account.input or _NO_INPUT),
        *(account.output or _NO_OUTPUT),
        account.counted,
        account.expected_error,
        account.scale,
        account.encoding,
        *account.cost[:8],
        *_prefix(account.prefix),
        account.stale,
        account.toolset,
        account.tools,
        called,
        account.request_hash,
        account.system_hash,
    )


def _prefix(prefix: Prefix | None) -> tuple[int | None, str, str, int | None, str, int, int | None]:
    if prefix is None:
        return _NO_PREFIX
    return (
        prefix.repeated,
        prefix.cause,
        prefix.part or "",
        prefix.position,
        prefix.detail,
        prefix.lost,
        prefix.cost,
    )


def new_id(at: int) -> str:
    """An id that no other call has; those of later calls sort after it, which keeps the ledger's index compact.

    Args:
        at: microseconds since 1970.
    """
    return f"{(at // 1000) & 0xFFFFFFFFFFFF:012x}{chance.getrandbits(80):020x}"


def _declared(account: Account) -> tuple[str, ...]:
    """The tools that the reply calls. A name that the request did not give is text that the model wrote."""
    names = {name for name, _ in account.tools}
    return tuple(dict.fromkeys([name if name in names else UNDECLARED for name in account.called]))


def _tagged_session(tags: Mapping[str, Any]) -> str:
    session = tags.get("session") if tags else None
    return "" if session is None else str(session)


def _tags(tags: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(tags[name])) for name in sorted(tags))


def _content(call: Call, outcome: Outcome, keep: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> str | None:
    try:
        from tokeneff.telemetry.capture import gathered
        from tokeneff.telemetry.content import to_json

        kept = keep(gathered(call, outcome))
        return to_json(kept) if kept else None
    except Exception as fault:  # noqa: BLE001 - the mask is the user's; neither its text nor traceback may be told
        log_once(("ledger content", type(fault)), "the content of a call could not be kept: %s", type(fault).__name__)
        return None
