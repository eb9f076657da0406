"""What a call's span says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tokeneff._flow import Call, Outcome, Tokens
from tokeneff._plain import sound
from tokeneff.telemetry import names
from tokeneff.telemetry.accounts import account_attributes
from tokeneff.telemetry.budgets import add_guard_events, guard_attributes
from tokeneff.telemetry.cache import cache_attributes, placed_attributes
from tokeneff.telemetry.output import output_attributes
from tokeneff.telemetry.trimming import trimming_attributes

if TYPE_CHECKING:
    from tokeneff.adapters._hosts import Site

Attributes = dict[str, Any]

_USAGE_PARTS = tuple((Tokens._fields.index(field), name) for field, name in names.USAGE_PARTS)
_LONGEST_MESSAGE = 1000
"""Characters of an error's text that are kept."""


def start_attributes(call: Call, site: Site) -> Attributes:
    """What is known before the call is sent, so that a sampler can judge by it."""
    found: Attributes = {
        names.OPERATION: call.endpoint.operation,
        names.PROVIDER: site.provider,
        names.SERVER_ADDRESS: site.host,
        names.SERVER_PORT: site.port,
    }
    model = call.body.get("model")
    if isinstance(model, str):
        found[names.REQUEST_MODEL] = sound(model)
    return found


def span_name(attributes: Mapping[str, Any]) -> str:
    """``{operation} {model}``, or the operation alone."""
    model = attributes.get(names.REQUEST_MODEL)
    return f"{attributes[names.OPERATION]} {model}" if model else attributes[names.OPERATION]


def end_attributes(call: Call, outcome: Outcome) -> Attributes:
    """What is known when the call is over."""
    endpoint = call.endpoint
    found: Attributes = endpoint.request(_body(call, outcome))
    if endpoint.output_type is not None and names.OUTPUT_TYPE not in found:
        found[names.OUTPUT_TYPE] = endpoint.output_type
    if endpoint.api_type is not None:
        found[names.API_TYPE] = endpoint.api_type
    found[names.ENDING] = outcome.ending
    if call.tags:
        tag_attributes(found, call.tags)
    _reply(found, call, outcome)
    served = outcome.served
    if served is not None:
        cache_attributes(found, served)
    if outcome.placed is not None:
        placed_attributes(found, outcome.placed)
    if outcome.trimmed is not None:
        trimming_attributes(found, outcome.trimmed)
    if outcome.output is not None:
        output_attributes(found, outcome.output)
    if endpoint.model:
        if served is None or served.saved is None:  # else nothing was used, and the conventions know no such reply
            usage_attributes(found, outcome.tokens)
        if outcome.account is not None:
            account_attributes(found, outcome.account)
    if call.stream:
        found[names.REQUEST_STREAM] = True
        _stream(found, outcome)
    if outcome.guard is not None:
        guard_attributes(found, outcome.guard)
    if outcome.attempts:
        found[names.RESEND_COUNT] = len(outcome.attempts)
    failure = outcome.failure
    if failure is not None:
        found[names.ERROR_TYPE] = failure.type
        if failure.status is not None:
            found[names.HTTP_STATUS] = failure.status
    return found


def _body(call: Call, outcome: Outcome) -> Mapping[str, Any]:
    """The body as it left; of a call that got no answer, as the caller gave it."""
    if outcome.sent is not None:
        return outcome.sent
    extra = call.options.extra_json
    return {**call.body, **extra} if isinstance(extra, Mapping) else call.body


def _reply(found: Attributes, call: Call, outcome: Outcome) -> None:
    facts = outcome.facts
    if facts.id is not None:
        found[names.RESPONSE_ID] = facts.id
    if facts.model is not None:
        found[names.RESPONSE_MODEL] = facts.model
    if facts.finish_reasons:
        found[names.FINISH_REASONS] = facts.finish_reasons
    if facts.service_tier is not None:
        found[names.SERVICE_TIER if call.family.name == "openai" else names.ANTHROPIC_TIER] = facts.service_tier
    if facts.fingerprint is not None:
        found[names.FINGERPRINT] = facts.fingerprint
    if facts.conversation is not None:
        found[names.CONVERSATION] = facts.conversation


def usage_attributes(found: Attributes, tokens: Tokens) -> None:
    """Counts, and where they come from. Parts that are zero are left out, as the reference emitter does."""
    if tokens.input_tokens is not None:
        found[names.INPUT_TOKENS] = tokens.input_tokens
    if tokens.output_tokens is not None:
        found[names.OUTPUT_TOKENS] = tokens.output_tokens
    found[names.SOURCE] = tokens.source
    if tokens.input_source != tokens.output_source:
        found[names.INPUT_SOURCE] = tokens.input_source
        found[names.OUTPUT_SOURCE] = tokens.output_source
    if tokens.input_source == "provider" or tokens.output_source == "provider":
        for index, name in _USAGE_PARTS:
            value = tokens[index]
            if value:
                found[name] = value


def tag_attributes(found: Attributes, tags: Mapping[str, Any]) -> None:
    """Tags as attributes; ``user`` and ``session`` under the conventions' names as well."""
    for key, value in tags.items():
        found[names.TAG + key] = sound(value) if isinstance(value, str) else value
    if "user" in tags:
        found[names.USER] = sound(str(tags["user"]))
    if "session" in tags:
        found[names.CONVERSATION] = sound(str(tags["session"]))


def _stream(found: Attributes, outcome: Outcome) -> None:
    first, last = outcome.first_chunk, outcome.last_chunk
    if first is None:
        return
    found[names.FIRST_CHUNK] = first - outcome.started
    found[names.STREAM_CHUNKS] = outcome.chunks
    if last is not None and last > first and outcome.chunks > 1:
        found[names.STREAM_SECONDS] = last - first
        if outcome.tokens.output_tokens:
            found[names.SPEED] = outcome.tokens.output_tokens / (last - first)


def add_events(add_event: Callable[..., None], outcome: Outcome) -> None:
    """An event for each try that failed and was sent again, and for what budgets did."""
    if outcome.guard is not None:
        add_guard_events(add_event, outcome.guard)
    for number, attempt in enumerate(outcome.attempts, 1):
        about: Attributes = {names.ERROR_TYPE: attempt.error, "tokeneff.attempt.number": number}
        if attempt.status is not None:
            about[names.HTTP_STATUS] = attempt.status
        if attempt.delay is not None:
            about[names.ATTEMPT_DELAY] = attempt.delay
        add_event(names.ATTEMPT_EVENT, about, attempt.at)


def error_text(outcome: Outcome) -> str:
    """The status description of a failed call."""
    return sound(outcome.failure.message[:_LONGEST_MESSAGE]) if outcome.failure is not None else ""
