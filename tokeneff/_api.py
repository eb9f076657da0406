"""The functions that users call. What they need is loaded when they are called, so that importing tokeneff is cheap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from tokeneff._last import Last
    from tokeneff.budgets import Budget
    from tokeneff.cache import Cache
    from tokeneff.ledger import Ledger
    from tokeneff.prices import Prices
    from tokeneff.stores import Store
    from tokeneff.totals import Usage
    from tokeneff.trim import Trim

C = TypeVar("C")
Mask = Callable[[Any, str], Any]
Capture = bool | Literal["NO_CONTENT", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT"]


def wrap(
    client: C,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    stream_usage: Literal["ask", "off"] | None = None,
    capture_content: Capture | None = None,
    mask: Mask | None = None,
    compat: Literal["openinference"] | None = None,
    metric_tags: Iterable[str] | None = None,
    remember_messages: bool | None = None,
    ledger: str | Ledger | Literal[False] | None = None,
    prices: str | PathLike[str] | Prices | None = None,
    budget: Budget | Sequence[Budget] | None = None,
    store: str | Store | None = None,
    on_store_error: Literal["open", "closed"] | None = None,
    cache: Cache | str | bool | None = None,
    trim: Trim | bool | None = None,
) -> C:
    """Get a client that is used exactly like the one passed, and whose every call is in OpenTelemetry.

    Example::

        client = tokeneff.wrap(OpenAI())
        client.chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": "Hi"}])

    The result is of a subclass of the client's own class and shares its connections; the client passed stays as it
    was. Copies (``with_options``) stay wrapped. Wrapping a wrapped client is one wrapping: with no argument the same
    client comes back, with arguments a copy that has these changed and totals of its own.

    Args:
        client: an ``OpenAI``, ``AsyncOpenAI``, ``AzureOpenAI``, ``Anthropic`` or ``AsyncAnthropic`` client, a
            Bedrock, Vertex or Foundry variant, or an instance of a subclass of any of these.
        tracer_provider: where spans go; OpenTelemetry's global provider unless told.
        meter_provider: where metrics go; OpenTelemetry's global provider unless told.
        stream_usage: ``"ask"`` (the default) asks for usage on streams of hosts that are known to give it only when
            asked (``stream_options.include_usage``), and keeps the extra chunk from the caller; ``"off"`` leaves every
            request alone, and such streams are counted by estimate.
        capture_content: whether messages are recorded: ``False``, ``True`` (on spans), or a mode of
            ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT``, which decides when nothing is given here. Off by
            default.
        mask: called as ``mask(value, name)`` with each content attribute before it is recorded; what it returns is
            recorded instead. If it raises, the content is left out.
        compat: ``"openinference"`` adds that convention's attributes to each span.
        metric_tags: names of tags (see :func:`tag`) with few values, which become metric dimensions.
        remember_messages: whether messages of an earlier request, sent again unchanged, are spared the SDK's walk along
            their types, which is most of what a long history costs its client; the request is the same. On by default.
        ledger: where each settled call is recorded: ``"sqlite:///tokeneff.db"``, or a :class:`Ledger`; the environment
            variable ``TOKENEFF_LEDGER`` where nothing is given here, and ``False`` for none at all.
        prices: a ``prices.toml`` with prices of your own, which win over the listed ones (see
            :class:`tokeneff.prices.Prices`); the environment variable ``TOKENEFF_PRICES`` where nothing is given here.
        budget: what may be spent: a :class:`Budget`, or several, all of which a call has to fit. Each call is held for
            with what it may cost at most before it is sent, and settled with what it did cost when it is over. A call
            that does not fit raises :class:`BudgetExceeded`, unless its budget says otherwise; a stream that comes to a
            limit is closed, and raises it where the next chunk is asked for.
        store: where budgets are kept: ``"memory://"`` (this process, the default), ``"sqlite:///budgets.db"`` (all
            processes of a machine), ``"redis://host:6379/0"`` (a fleet), or an opened store; the environment variable
            ``TOKENEFF_STORE`` where nothing is given here.
        on_store_error: when the store cannot be asked, ``"open"`` (the default) lets calls go on, counted here and
            reconciled when it is back; ``"closed"`` raises :class:`BudgetUnavailable`.
        cache: where replies are kept and served from again: a :class:`Cache`, the URL of its store, or ``True`` for one
            in memory. Calls that are answered from it cost nothing, and no budget. Off by default.
        trim: what may be left out of requests: a :class:`Trim`, or ``True`` for what loses nothing. Only what makes the
            whole conversation cheaper is left out. Off by default.

    Raises:
        UnsupportedClient: ``client`` is none that can be wrapped; the text says what can.
        LedgerError, PricesError: that file cannot be used; the text says why.
        StoreError: there is no such store; the text says what to write or install.
        TypeError, ValueError: an argument is wrong; the text says what to write.
    """
    arguments = _given(locals())
    from tokeneff._wrap import wrap_client

    return wrap_client(client, arguments)


def unwrap(client: C) -> C:
    """Get the bare client back: the equal of what was passed to :func:`wrap`, sharing its connections.

    Example::

        bare = tokeneff.unwrap(client)
        assert type(bare) is OpenAI

    Args:
        client: a wrapped client. A bare one is returned as it is.
    """
    from tokeneff._wrap import unwrap_client

    return unwrap_client(client)


def install(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    stream_usage: Literal["ask", "off"] | None = None,
    capture_content: Capture | None = None,
    mask: Mask | None = None,
    compat: Literal["openinference"] | None = None,
    metric_tags: Iterable[str] | None = None,
    remember_messages: bool | None = None,
    ledger: str | Ledger | Literal[False] | None = None,
    prices: str | PathLike[str] | Prices | None = None,
    budget: Budget | Sequence[Budget] | None = None,
    store: str | Store | None = None,
    on_store_error: Literal["open", "closed"] | None = None,
    cache: Cache | str | bool | None = None,
    trim: Trim | bool | None = None,
) -> None:
    """Have every client that is constructed from now on be a wrapped one, for code that builds its own.

    Example::

        tokeneff.install()
        openai.chat.completions.create(...)   # the module's own client, too
        tokeneff.uninstall()

    Clients that exist already stay as they are. Installing again changes the arguments for clients still to come.
    An SDK that is imported only later is reached when it is.

    Args:
        tracer_provider, meter_provider, stream_usage, capture_content, mask, compat, metric_tags, remember_messages,
        ledger, prices, budget, store, on_store_error, cache, trim: as for :func:`wrap`.
    """
    arguments = _given(locals())
    from tokeneff._install import install_for

    install_for(arguments)


def uninstall() -> None:
    """Undo :func:`install`: clients constructed from now on are bare. Those wrapped by it stay wrapped.

    Example::

        tokeneff.uninstall()
    """
    from tokeneff._install import uninstall_all

    uninstall_all()


def usage(client: Any) -> Usage:
    """See what a wrapped client, with all copies made of it, has used so far: calls, tokens, latencies, errors.

    Example::

        print(tokeneff.usage(client))
        tokeneff.usage(client).models["gpt-4.1-mini"].input_tokens

    Args:
        client: a wrapped client.

    Raises:
        UnsupportedClient: the client is not wrapped, so nothing was counted.
    """
    from tokeneff._client import is_wrapped
    from tokeneff._settings import settings_of
    from tokeneff.errors import UnsupportedClient

    if not is_wrapped(client):
        raise UnsupportedClient(
            f"usage() takes a client that wrap() returned; this {type(client).__name__} is not wrapped"
        )
    return settings_of(client).totals.frozen()


def last(client: Any = None) -> Last | None:
    """See what is known of the last call that ended here: in this thread, or this task.

    Example::

        client.chat.completions.create(...)
        call = tokeneff.last()
        print(call.model, call.tokens.output_tokens, call.usd, call.served and call.served.said)

    A stream's call ends with its stream. Calls of tasks and threads that were started here are theirs.

    Args:
        client: a wrapped client, to see the last call of it and of all copies made of it; of any without.

    Returns:
        what is known, as a value that stays as it is; ``None`` where no call of a wrapped client has ended here.

    Raises:
        UnsupportedClient: the client is not wrapped, so nothing is known of its calls.
    """
    from tokeneff._client import is_wrapped
    from tokeneff._last import latest
    from tokeneff._settings import settings_of
    from tokeneff.errors import UnsupportedClient

    if client is not None and not is_wrapped(client):
        raise UnsupportedClient(
            f"last() takes a client that wrap() returned; this {type(client).__name__} is not wrapped"
        )
    return latest(None if client is None else settings_of(client).totals)


def _given(found: dict[str, Any]) -> dict[str, Any]:
    """Of a function's local variables at its top, which are its arguments, those that its caller gave."""
    return {name: value for name, value in found.items() if value is not None and name != "client"}
