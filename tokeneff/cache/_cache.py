"""What a response cache is asked to do: where replies are kept, how long, for whom, and which."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tokeneff._masked import masked
from tokeneff.budgets._durations import Span, microseconds, written
from tokeneff.cache import _checks as check

if TYPE_CHECKING:
    from tokeneff.cache.semantic import Semantic
    from tokeneff.cache.stores import CacheStore

Pace: TypeAlias = Literal["at once", "recorded"]
When: TypeAlias = Literal["deterministic", "always"] | Callable[[Any], bool]


@dataclass(frozen=True, init=False, repr=False)
class Cache:
    """Where replies are kept, how long, for whom, and which of them.

    Example::

        client = tokeneff.wrap(OpenAI(), cache=tokeneff.Cache("sqlite:///cache.db", ttl="1d", by="tenant"))

    A call that equals an earlier one, in everything that leaves for the provider, is answered with what was kept: the
    same SDK types, streams as streams. Equal calls that are on their way at once are sent once. Whatever goes wrong
    with the cache, the call goes out as if there were none.

    It is frozen, and can be compared, hashed and (where ``when`` can be) pickled.

    Args:
        store: ``"memory://"`` (this process), ``"sqlite:///cache.db"`` (all processes of a machine),
            ``"redis://host:6379/0"`` (a fleet), or an opened store; ``None`` keeps no replies (with ``prompt=True``).
        ttl: how old a reply may be that is served: ``"1d"``, ``"90m"``, a timedelta, or seconds; ``None``: any age.
        by: names of tags (see :func:`tag`), each of whose values has replies of its own: ``"tenant"`` or
            ``("team", "user")``. A call without the tag is not cached: nobody can say whose it is.
        when: which calls are kept. ``"deterministic"``: temperature 0, a seed, or a model without sampling parameters;
            ``"always"``: sampled ones as well; or a function of the call that says so. ``"deterministic"`` where
            nothing is given, and ``"always"`` with ``n_samples`` above 1.
        n_samples: how many replies are kept of each sampled call; each call gets one of them at random, or fills it.
        max_size: how many bytes are kept at most: ``"256MB"``, ``"1GiB"``, or a number.
        pace: how a stream is served: ``"at once"``, or at the times that its chunks ``"recorded"``.
        truncated: whether replies are kept that were cut at their limit of tokens.
        exclude_tools: names of tools whose calls a model is to make anew: a reply that calls one is not kept.
        stale: for how long past ``ttl`` a reply is still served while one call in the background renews it.
        wait: how long a call waits at most for an equal one that is on its way: ``"30s"``, a timedelta, or seconds.
        account: whose replies they are, where the API key is not to say so: equal calls of several keys with the same
            ``account`` share their replies. By default each key, organisation and project has its own.
        ignore_headers: names of headers that make no difference to the reply, beyond those known not to.
        key: what replies are encrypted with at rest: 32 bytes as base64, or several such keys, of which the first
            encrypts and all decrypt (to change it). Needs the extra ``encryption``.
        semantic: also answers calls whose last question says the same in other words: a :class:`Semantic`.
        prompt: whether the marks are placed that providers need to cache prompts, where the caller has set none.

    Raises:
        TypeError, ValueError: an argument is wrong; the text says what to write.
    """

    store: str | CacheStore | None
    ttl: int | None
    """Microseconds."""
    by: tuple[str, ...]
    when: When = field(hash=False)
    n_samples: int
    max_size: int
    """Bytes."""
    pace: Pace
    truncated: bool
    exclude_tools: tuple[str, ...]
    stale: int
    """Microseconds; 0: not at all."""
    wait: float
    """Seconds."""
    account: str | None
    ignore_headers: tuple[str, ...]
    key: tuple[str, ...]
    semantic: Semantic | None = field(hash=False)
    prompt: bool

    def __init__(
        self,
        store: str | CacheStore | None = "memory://",
        *,
        ttl: Span | None = None,
        by: str | Iterable[str] = (),
        when: When | None = None,
        n_samples: int = 1,
        max_size: str | int = "256MB",
        pace: Pace = "at once",
        truncated: bool = False,
        exclude_tools: str | Iterable[str] = (),
        stale: Span | None = None,
        wait: str | float | timedelta = "30s",
        account: str | None = None,
        ignore_headers: str | Iterable[str] = (),
        key: str | Iterable[str] | None = None,
        semantic: Semantic | None = None,
        prompt: bool = False,
    ) -> None:
        found: dict[str, Any] = {
            "store": check.store(store),
            "ttl": None if ttl is None else microseconds(ttl, "ttl", "1d"),
            "by": check.by(by),
            "n_samples": check.samples(n_samples),
            "max_size": check.size(max_size),
            "pace": check.one_of(pace, "pace", ("at once", "recorded")),
            "truncated": check.flag(truncated, "truncated"),
            "exclude_tools": check.names(exclude_tools, "exclude_tools", "send_email"),
            "stale": 0 if stale is None else microseconds(stale, "stale", "1h"),
            "wait": check.wait(wait),
            "account": check.account(account),
            "ignore_headers": tuple(
                sorted({name.lower() for name in check.names(ignore_headers, "ignore_headers", "x-request-id")})
            ),
            "key": check.keys(key),
            "semantic": check.semantic(semantic),
            "prompt": check.flag(prompt, "prompt"),
        }
        found["when"] = check.when(when, n_samples)
        if stale is not None and ttl is None:
            raise ValueError(f"stale={stale!r} is the time after ttl=, and there is none; write ttl='1d' as well")
        if store is None and not prompt:
            raise ValueError("Cache(None) keeps nothing; write a store, as Cache('memory://'), or prompt=True")
        self.__dict__.update(found)

    def __getstate__(self) -> dict[str, Any]:
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        if found["store"] is not None and not isinstance(found["store"], str):
            found["store"] = found["store"].url
        return found

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        told: list[str] = []
        for one in fields(self):
            value = getattr(self, one.name)
            if value == _USUAL.get(one.name, value) and one.name != "store":
                continue
            told.append(f"{one.name}={_shown(one.name, value)}")
        return f"Cache({', '.join(told)})"


_USUAL: dict[str, Any] = {
    **dict.fromkeys(("ttl", "account", "semantic")),
    **dict.fromkeys(("by", "exclude_tools", "ignore_headers", "key"), ()),
    **dict.fromkeys(("truncated", "prompt"), False),
    "when": "deterministic",
    "n_samples": 1,
    "max_size": 256_000_000,
    "pace": "at once",
    "stale": 0,
    "wait": 30.0,
}


def _shown(name: str, value: Any) -> str:
    if name == "key":
        return "****"  # of an encryption nothing is told
    if name == "store":
        return repr(masked(value) if isinstance(value, str) else value if value is None else masked(value.url))
    if name in ("ttl", "stale"):
        return repr(written(value))
    return repr(value)


def normalised(given: object) -> Cache | None:
    """What was given as ``cache=``, checked: a :class:`Cache`, the URL of its store, ``True`` or ``False``.

    Raises:
        TypeError, ValueError: it is no cache; the text says what to write.
    """
    if given is None or given is False:
        return None
    if isinstance(given, Cache):
        return given
    if given is True:
        return Cache()
    if isinstance(given, str):
        return Cache(given)
    if isinstance(given, type):
        raise TypeError(f"cache= takes a tokeneff.Cache, not the class {given.__name__}: call it")
    raise TypeError(
        "cache= takes a tokeneff.Cache, the URL of a store, as cache='sqlite:///cache.db', or True, "
        f"not a value of type {type(given).__name__}"
    )
