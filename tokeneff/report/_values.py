"""What a report says, as frozen values; each can be printed as JSON with :meth:`Report.as_json`.

Times are microseconds since 1970, durations microseconds, money integers of nano-dollars (a billionth of a US dollar).
Sums of money are over the calls whose cost is known; how many calls that leaves out is said beside each
(``unpriced``). ``None`` is "not known", never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

if TYPE_CHECKING:
    from tokeneff.report._series import Series
    from tokeneff.report._trim_values import Trimmed

FindingKind: TypeAlias = Literal[
    "uncached_prefix",
    "unused_tools",
    "stale_results",
    "identical_requests",
    "long_outputs",
    "cut_outputs",
    "failed_calls",
    "oversized_model",
]
Evidence: TypeAlias = Literal["measured", "what-if"]
"""``measured``: money that was paid for nothing; ``what-if``: what another choice would have saved at list prices."""


class Sums(NamedTuple):
    """What a group of calls used and cost. ``cache_read``, ``cache_write`` are parts of ``input_tokens``."""

    calls: int = 0
    failed: int = 0
    """Ended as ``failed`` or ``refused``."""
    cut: int = 0
    """Ended as ``broken_off``, ``dropped`` or ``cancelled``."""
    retries: int = 0
    provider: int = 0
    """Calls whose tokens the provider counted; with ``estimated`` and ``unknown`` all calls."""
    estimated: int = 0
    unknown: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    unpriced: int = 0
    """Calls whose cost is not known; they are in no sum of money."""
    cost: int = 0
    cost_input: int = 0
    """Of input neither read from nor written to the prompt cache."""
    cost_cache_read: int = 0
    cost_cache_write: int = 0
    cost_output: int = 0
    lost: int = 0
    """Tokens that an earlier request had sent and that were not read from the cache."""
    lost_cost: int = 0
    """What these cost beyond a cached read, where a price is known."""
    stale: int = 0
    """Tokens of tool results from earlier turns that nothing has referred to since."""
    timed: int = 0
    """Calls whose duration is known; ``duration`` is their sum."""
    duration: int = 0
    spoken: int = 0
    """Output tokens of streams whose first chunk is timed, and which took more than a moment after it; the time that
    they took from first chunk to end is ``speaking``."""
    speaking: int = 0

    @property
    def cache_share(self) -> float | None:
        """The share of input tokens that was read from the cache; ``None`` without input, or where no provider told."""
        told = self.input_tokens and (self.provider or self.cache_read)
        return self.cache_read / self.input_tokens if told else None

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens a second from first chunk to end, over streams; ``None`` where no stream was timed."""
        return self.spoken / self.speaking * 1e6 if self.speaking else None

    def __add__(self, other: object) -> Sums:
        """The sums over both groups."""
        if not isinstance(other, Sums):
            return NotImplemented
        return Sums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Latency(NamedTuple):
    """Percentiles of a duration, each at most ``error`` (relative) away from the exact one."""

    calls: int = 0
    p50: int | None = None
    p90: int | None = None
    p99: int | None = None
    max: int | None = None
    """Exact."""
    error: float = 0.0


class Part(NamedTuple):
    """Tokens that were sent or written, by what they were.

    The parts of a side sum to its tokens and its dollars; ``unknown`` is what could not be attributed.
    """

    side: Literal["input", "output"]
    name: str
    """As in :class:`~tokeneff.accounts.InputParts` and :class:`~tokeneff.accounts.OutputParts`, or ``unknown``."""
    tokens: int
    cost: int
    """Of calls whose cost is known."""


class Row(NamedTuple):
    """A line of a table: the calls that share a value."""

    value: str
    """Empty where the calls have no such value."""
    sums: Sums


class Table(NamedTuple):
    """Calls by one thing, the most expensive first (days and hours in order)."""

    by: str
    rows: tuple[Row, ...]


class Break(NamedTuple):
    """Why prompts' cached prefixes ended early, and what that cost."""

    cause: str
    """As in :data:`tokeneff.accounts._account.Cause`."""
    part: str
    detail: str
    calls: int
    tokens: int
    """Sent before, and not read from the cache."""
    cost: int | None
    """Beyond a cached read; ``None`` if no price is known for any of them."""
    example: str
    """A ``call_id``."""


class SlowCall(NamedTuple):
    """One of the slowest calls."""

    call_id: str
    time: int
    duration: int
    first_chunk: int | None
    provider: str
    model: str
    session: str
    ending: str
    retries: int
    input_tokens: int | None
    output_tokens: int | None
    cost: int | None


class Session(NamedTuple):
    """A conversation, with what was paid for nothing in it."""

    session: str
    model: str
    """Of its first call."""
    first: int
    last: int
    """When its first and its last call began."""
    sums: Sums
    wasted: int
    """The cost of broken prefixes, of failed and broken-off calls, and of stale tool results at what was paid for them
    (an estimate: cached input may overlap with broken prefixes; never more than the session's cost)."""


class ErrorGroup(NamedTuple):
    """Calls that ended with the same error."""

    error: str
    status: int | None
    calls: int
    retries: int
    cost: int
    unpriced: int
    example: str
    """A ``call_id``."""


class Decided(NamedTuple):
    """What a policy decided, and what that saved."""

    policy: str
    decision: str
    calls: int
    saved: int
    """Net; negative where it cost more than it saved."""
    unknown: int
    """Calls of which nobody knows what was saved."""


class Unpriced(NamedTuple):
    """Calls whose cost is not known."""

    provider: str
    model: str
    why: Literal["no price", "no count"]
    calls: int
    input_tokens: int
    """What is known of them."""
    output_tokens: int


class Finding(NamedTuple):
    """Something to do, with its evidence."""

    kind: FindingKind
    title: str
    evidence: Evidence
    saves: int
    """Nano-dollars over the period of the report: never more than ``spent``. Findings may overlap, so they are not to
    be summed."""
    spent: int
    """What the calls concerned cost altogether."""
    calls: int
    tokens: int
    """The tokens that the finding is about."""
    call_id: str
    """An example, the most expensive one where that is known."""
    session: str
    """That call's."""
    how: str
    """How ``saves`` was computed, in a sentence."""
    action: str


class Report(NamedTuple):
    """Where tokens, money and time went, and what to do about it; see :func:`tokeneff.report.report`.

    Example::

        report = tokeneff.report.report("sqlite:///tokeneff.db")
        report.total.cost, report.findings[0].title
    """

    source: str
    now: int
    since: int | None
    """Calls that began before are left out."""
    first: int | None
    """When the first and the last call began; ``None`` without calls."""
    last: int | None
    total: Sums
    latency: Latency
    """From call to end, retries included."""
    first_chunk: Latency
    """From call to first chunk, of streams."""
    parts: tuple[Part, ...]
    tables: tuple[Table, ...]
    """One for each thing asked for (``by``)."""
    sessions_count: int
    sessions: tuple[Session, ...]
    """The most wasteful ones."""
    breaks: tuple[Break, ...]
    """The dearest first."""
    slowest: tuple[SlowCall, ...]
    errors: tuple[ErrorGroup, ...]
    """The most frequent first; a call that failed without a known error is under its ending."""
    decisions: tuple[Decided, ...]
    unpriced: tuple[Unpriced, ...]
    findings: tuple[Finding, ...]
    """By what they would save, most first."""
    series: Series | None = None
    """The calls over time, for charts; only where it is asked for."""
    trimming: Trimmed | None = None
    """What was left out of calls, and what that saved; ``None`` where none was looked at for trimming."""

    def as_json(self) -> dict[str, Any]:
        """The report as dicts, lists, numbers and texts; money stays in nano-dollars."""
        return as_json(self)


def as_json(value: Any) -> Any:
    """A value of this module as JSON values."""
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        names: tuple[str, ...] | None = getattr(items, "_fields", None)
        if names is None:
            return [as_json(item) for item in items]
        return {name: as_json(item) for name, item in zip(names, items, strict=True)}
    if isinstance(value, Mapping):
        return {str(name): as_json(item) for name, item in cast("Mapping[Any, Any]", value).items()}
    return value
