"""What a request asks its provider to leave out of its history, in place of our own edits of it.

Clearing is worked out by the provider from each request alone (``provider.toml``): with a fixed number of newest
results to keep, one more would be cleared with each turn, and all behind it be written to the provider's cache again
each time. So nothing is asked for until clearing pays; then ``keep`` grows with the conversation, so that just the same
results are cleared in every request, until it pays again to clear more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from tokeneff._forking import watch
from tokeneff._log import log_once
from tokeneff._plain import fields, items, string
from tokeneff.trim.arrival._calls import calls_of
from tokeneff.trim.planning._gate import FLOOR
from tokeneff.trim.provider._facts import Means, means_of

if TYPE_CHECKING:
    from tokeneff._done import Managed, Trimming
    from tokeneff._flow import Call, Outcome
    from tokeneff.adapters._hosts import Site
    from tokeneff.trim._history import History
    from tokeneff.trim.planning._batches import Batch

_HEADER = "anthropic-beta"
_OWN = ("context_management", "compaction")
_MOST = 10_000
_UNDER = 3, 4
"""The trigger is so much of the size at which clearing is first thought of: providers count a little otherwise."""


class Can(NamedTuple):
    """What is left to the provider of a request; nothing where its caller has asked for something himself."""

    clear: Means | None = None
    compact: Means | None = None


class Asking(NamedTuple):
    """What is added to a request."""

    value: Any
    """Of ``context_management``."""
    means: tuple[Means, ...]


class Providing:
    """Knows what can be left to which provider. Thread-safe."""

    def __init__(self) -> None:
        self.guard = Lock()
        self._off: set[tuple[str, str, str]] = set()
        self._compacted: OrderedDict[bytes, None] = OrderedDict()
        """Requests whose replies held a summary, which the next ones have to send back."""
        watch(self)

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = Lock()

    def can(self, call: Call, history: History, model: str, site: Site) -> Can | None:
        """What can be left to the provider; ``None`` where nothing can, and histories are edited here."""
        known = means_of(history.dialect, model, site.host)
        with self.guard:
            known = [means for means in known if (site.host, model, means.does) not in self._off]
        if not known:
            return None
        extra: Any = call.options.extra_json or {}
        if any(_is_given(history.body.get(name)) or name in extra for name in _OWN):
            return Can()
        kind: str = getattr(call.cast_to, "__name__", "")
        beta = "beta=true" in str(call.options.url) or kind.startswith(("Beta", "ParsedBeta"))
        found = {means.does: means for means in known if beta or not means.blocks}
        clear, compact = found.get("clear"), found.get("compact")
        summed_up = is_compacted(history)
        if compact is not None and not summed_up and self._lost(history):
            compact = None
        if clear is not None and not summed_up and _has_server_tools(history):
            return None if compact is None else Can(None, compact)  # how those are counted is not known
        return Can(None if summed_up else clear, compact) if clear or compact else None

    def learn(self, history: History, outcome: Outcome) -> None:
        """Note whether the reply to a request held a summary."""
        managed = outcome.facts.managed
        if managed is None or not managed.compacted:
            return
        with self.guard:
            self._compacted[history.chain[-1]] = None
            if len(self._compacted) > _MOST:
                self._compacted.popitem(last=False)

    def refused(self, asking: Asking, site: Site, model: str, why: str) -> None:
        """A request was refused with this: it is not asked for again."""
        blamed = [means for means in asking.means if means.does == "compact" and "compact" in why.lower()]
        with self.guard:
            self._off.update((site.host, model, means.does) for means in blamed or asking.means)
        log_once(
            ("trim provider", site.host, model),
            "%s refused to leave something out of the history of a request to %s; the request was sent again as it "
            "was, and histories of such requests are edited here from now on: %s",
            site.host,
            model,
            why[:200],
        )

    def _lost(self, history: History) -> bool:
        """Whether a summary came with a reply before, and was not sent back: it would be made anew each time."""
        with self.guard:
            lost = any(digest in self._compacted for digest in history.chain[:-1])
        if lost:
            log_once(
                "trim summary lost",
                "a provider's summary of a history was not sent back with the next request, so none is asked for in "
                "such a conversation: append all that a reply holds to the messages, its compaction too",
            )
        return lost


def clearing(history: History, batch: Batch, tools: tuple[str, ...], most: int | None) -> dict[str, Any]:
    """The edit that clears just what a batch does, in this request as in each one that goes on from it."""
    gone = {spot.message for spot in history.spots if spot.path in batch.texts}
    after = sum(len(list(calls_of("messages", message))) for message in history.messages[max(gone) + 1 :])
    up, down = _UNDER
    made: dict[str, Any] = {
        "type": "clear_tool_uses_20250919",
        "trigger": {"type": "input_tokens", "value": max(min(FLOOR, most or FLOOR) * up // down, 1)},
        "keep": {"type": "tool_uses", "value": after},
    }
    if batch.least:
        made["clear_at_least"] = {"type": "input_tokens", "value": batch.least}
    if tools:
        made["exclude_tools"] = list(tools)
    return made


def asking_of(dialect: str, can: Can, clear: dict[str, Any] | None, threshold: int | None) -> Asking | None:
    """What to add to a request, if anything."""
    edits = [] if clear is None else [clear]
    means = () if clear is None or can.clear is None else (can.clear,)
    if threshold is not None and can.compact is not None:
        means = (*means, can.compact)
        if dialect == "responses":
            return Asking([{"type": "compaction", "compact_threshold": threshold}], means)
        edits.append({"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": threshold}})
    return Asking({"edits": edits}, means) if edits else None


def headers_with(call: Call, asking: Asking) -> Any:
    """The call's headers with what its provider wants to be told of what is new."""
    betas = [means.beta for means in asking.means if means.beta]
    if not betas:
        return call.options.headers
    own: Any = call.options.headers
    given: dict[str, Any] = dict(own) if isinstance(own, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType]
    name = next((name for name in given if name.lower() == _HEADER), _HEADER)
    before = given.get(name)
    if not isinstance(before, str):
        usual: Any = getattr(call.client, "default_headers", {})
        before = next((value for key, value in usual.items() if key.lower() == _HEADER), "")
    known = [part.strip() for part in before.split(",") if part.strip()] if isinstance(before, str) else []
    return {**given, name: ",".join(dict.fromkeys([*known, *betas]))}


def told_with(told: Trimming, managed: Managed | None) -> Trimming:
    """What was left out of a call, with what its provider says that it has left out."""
    edits = {**told.edits}
    if managed is not None and managed.results:
        edits["cleared_by_provider"] = managed.results
    if managed is not None and managed.compacted:
        edits["compacted"] = 1
    if told.said == "trimmed" and not edits:  # it was asked, and had nothing to do
        return told._replace(said="whole", saved=None, counted=False, expected=None)
    told = told._replace(edits=edits)
    if managed is None or managed.tokens <= (told.saved or 0):
        return told
    return told._replace(saved=managed.tokens, counted=True)


def is_compacted(history: History) -> bool:
    """Whether a provider's summary is in a history: all before it counts no more."""
    return any(string(found.get("type")) == "compaction" for found in _parts(history))


def _is_given(value: object) -> bool:
    """Whether a caller wrote something: what he leaves out may be there as the SDK's own sign for that."""
    return value is not None and type(value).__name__ not in ("Omit", "NotGiven")


def _has_server_tools(history: History) -> bool:
    """Whether the provider itself has called tools."""
    kinds = (string(found.get("type")) or "" for found in _parts(history))
    return any(kind.endswith("_tool_use") for kind in kinds)


def _parts(history: History) -> list[Mapping[str, Any]]:
    """Items of a responses request, blocks of messages."""
    found = [fields(message) or {} for message in history.messages]
    if history.dialect != "messages":
        return found
    contents = [message.get("content") for message in found]
    return [fields(block) or {} for content in contents if not isinstance(content, str) for block in items(content)]
