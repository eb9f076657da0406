"""Which calls the cache comes into, under which keys; and which replies are not kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tokeneff._chance import chance
from tokeneff._flow import Call
from tokeneff.budgets._scopes import scope as scope_text
from tokeneff.cache._eligible import not_kept
from tokeneff.cache._good import not_good
from tokeneff.cache._key import key_of, scope_of
from tokeneff.cache._reply import Reply
from tokeneff.cache._shaping import asked_body
from tokeneff.cache.stores import Labels

if TYPE_CHECKING:
    from tokeneff.cache._cache import Cache
    from tokeneff.cache._place import Place


class Entry(NamedTuple):
    """What a call is kept as."""

    key: bytes
    alone: bool
    """Whether each of such calls is to be asked for itself, though equal ones are in flight."""
    scope: str
    tags: tuple[tuple[str, str], ...]

    def labels(self, model: str) -> Labels:
        """What it is listed and purged by."""
        return Labels(model, self.scope, self.tags)


class Entering:
    """Finds each call's entry.

    Args:
        cache: what was asked for. place: where its replies are kept.
    """

    def __init__(self, cache: Cache, place: Place) -> None:
        self._place = place
        self._cache = cache
        self._ignored = frozenset(cache.ignore_headers)
        # Whoever shares the store and keeps fewer replies, or minds more headers, is not to be served by these.
        self._policies = ("truncated",) * cache.truncated + tuple([f"without {name}" for name in cache.ignore_headers])

    def of(self, call: Call) -> Entry | str:
        """The entry of a call, or why it has none."""
        cache = self._cache
        why = not_kept(call, cache.when)
        if why:
            return why
        acts = self._acts(call)
        whose = self.whose(call)
        if acts:
            whose["policies"] = (*whose["policies"], *[f"excluded {name}" for name in sorted(cache.exclude_tools)])
        if isinstance(whose["scope"], str):
            return f"no tag {whose['scope']}"
        key = key_of(call, **whose)
        if isinstance(key, str):
            return key
        if cache.n_samples > 1 and not_kept(call, "deterministic"):
            key = slot(key, chance.randrange(cache.n_samples))
        tags = tuple([(name, str(call.tags[name])) for name in sorted(call.tags)]) if call.tags else ()
        return Entry(key, acts, scope_text(cache.by, call.tags) if cache.by else "", tags)

    def whose(self, call: Call) -> dict[str, Any]:
        """What keys are made with beside the call; where the call has not the tag, ``scope`` is its name."""
        cache = self._cache
        scope = scope_of(cache.by, call.tags)
        return {
            "scope": scope,
            "account": cache.account,
            "ignore_headers": self._ignored,
            "policies": self._policies,
            "secret": self._place.secret,
        }

    def unfit(self, call: Call, reply: Reply) -> str:
        """Why a whole good reply is not kept; empty where it is."""
        cache = self._cache
        return not_good(call, reply, truncated=cache.truncated, exclude_tools=cache.exclude_tools)

    def _acts(self, call: Call) -> bool:
        """Whether the model may call a tool whose calls are to be made anew: then no two calls share one reply."""
        excluded = self._cache.exclude_tools
        if not excluded:
            return False
        body = asked_body(call)
        return any(name in excluded for one in ("tools", "functions") for name in _offered(body.get(one)))


def slot(key: bytes, number: int) -> bytes:
    """The key of one of several replies to the same request; the first has the request's own."""
    return (
        key if not number else blake2b(key, digest_size=32, salt=number.to_bytes(8, "big"), person=b"sample").digest()
    )


def _offered(tools: Any) -> Iterable[object]:
    for tool in cast("list[object]", tools) if isinstance(tools, (list, tuple)) else ():
        for one in (tool, _of(tool, "function"), _of(tool, "custom")):
            yield _of(one, "name")


def _of(holder: object, name: str) -> Any:
    """A member of a mapping, or of one of the SDK's own objects."""
    return cast("Mapping[str, Any]", holder).get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)
