"""Prices that a file gives: the user's own, and the corrections that come with tokeneff."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

from tokeneff.errors import PricesError
from tokeneff.prices._rates import KINDS, Quote

_TEXT = ("provider", "tier", "source", "checked")
_LARGEST = 100_000_000
_SIZES = ("context_window", "max_output")
_KEYS = frozenset({*KINDS, *_TEXT, *_SIZES, "name", "host", "from", "until", "steps", "multiplier", "free"})


class Entry(NamedTuple):
    """One ``[[model]]`` table."""

    names: tuple[str, ...]
    provider: str
    hosts: tuple[str, ...]
    tier: str
    since: float
    until: float
    prices: Mapping[str, Fraction]
    steps: tuple[tuple[int, Mapping[str, Fraction]], ...]
    multiplier: Fraction | None
    source: str
    version: str
    context_window: int | None = None
    """Tokens that a request and its reply may have together."""
    max_output: int | None = None
    """Tokens that a reply may have."""

    @property
    def whole(self) -> bool:
        """Whether the table stands alone: what it leaves out is then in no list."""
        return "input" in self.prices or "output" in self.prices

    def concerns(self, names: tuple[str, ...], providers: tuple[str, ...], host: str) -> bool:
        """Whether the table is about this model at this place."""
        return (
            (not self.provider or any(fnmatchcase(one, self.provider) for one in providers))
            and (not self.hosts or any(fnmatchcase(host, glob) for glob in self.hosts))
            and any(fnmatchcase(name, glob) for name in names for glob in self.names)
        )

    def upon(self, quote: Quote | None) -> Quote | None:
        """What the table makes of the price so far."""
        if self.whole:
            quote = Quote(self.prices, self.steps, self.source, self.version)
        elif self.prices:
            if quote is None:
                return None
            quote = quote._replace(
                prices={**quote.prices, **self.prices},
                steps=tuple((above, {**prices, **self.prices}) for above, prices in quote.steps),
                source=self.source,
                version=self.version,
            )
        if self.multiplier is not None and quote is not None:
            quote = quote.times(self.multiplier)._replace(source=self.source, version=self.version)
        return quote


def read(path: Path, source: str = "") -> tuple[Entry, ...]:
    """The tables of a file, in order.

    Raises:
        PricesError: the file cannot be read, is no TOML, or says something that is no price; with what to write.
    """
    try:
        text = path.read_text("utf-8")
        changed = path.stat().st_mtime
    except (OSError, UnicodeDecodeError) as error:
        raise PricesError(f"{path}: cannot be read: {error}. Give the path of a TOML file of prices.") from error
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PricesError(f"{path}: is no valid TOML: {error}") from error
    for key in data:
        if key not in ("version", "model"):
            raise PricesError(f'{path}: unknown key {key!r}; write [[model]] tables, and version = "…" above them.')
    version = str(data.get("version") or datetime.fromtimestamp(changed, UTC).date().isoformat())
    tables = data.get("model", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in cast("list[Any]", tables)):
        raise PricesError(f"{path}: write each model as a table of its own, headed [[model]] with two brackets.")
    reader = _Reader(path, source or path.name, version)
    return tuple(reader.entry(number, table) for number, table in enumerate(cast("list[dict[str, Any]]", tables), 1))


class _Reader:
    def __init__(self, path: Path, source: str, version: str) -> None:
        self._path, self._source, self._version = path, source, version
        self._where = ""

    def entry(self, number: int, table: dict[str, Any]) -> Entry:
        """One table, checked."""
        self._where = f"{self._path}: [[model]] number {number}"
        names = self._globs(
            table, "name", 'write the model\'s name or a pattern, as name = "gpt-5*", or a list of such'
        )
        self._where += f" ({', '.join(names)})"
        for key in table:
            if key not in _KEYS:
                raise self._error(key, f"is unknown; known are: {', '.join(sorted(_KEYS))}")
        texts = {key: self._text(table, key) for key in _TEXT}
        prices = {kind: self._price(table, kind) for kind in KINDS if kind in table}
        free = table.get("free", False)
        if not isinstance(free, bool):
            raise self._error("free", "write true or false")
        if free and prices:
            raise self._error("free", "leave it out where prices are given, or leave the prices out")
        hosts = (
            self._globs(table, "host", "write a host name or a pattern, or a list of such") if "host" in table else ()
        )
        multiplier = self._number(table, "multiplier") if "multiplier" in table else None
        sizes = [self._size(table, key) for key in _SIZES]
        if not (free or prices or multiplier is not None or any(sizes)):
            raise self._error("input", "give prices in dollars per million tokens, or multiplier, or free = true")
        steps = self._steps(table)
        if steps and "input" not in prices:
            raise self._error("steps", "give input and output for the shorter calls too")
        return Entry(
            names,
            texts["provider"],
            hosts,
            texts["tier"],
            self._day(table, "from", float("-inf")),
            self._day(table, "until", float("inf")),
            dict.fromkeys(KINDS, Fraction(0)) if free else prices,
            steps,
            multiplier,
            self._source,
            texts["checked"] or self._version,
            *sizes,
        )

    def _error(self, key: str, what: str) -> PricesError:
        return PricesError(f"{self._where}: {key}: {what}.")

    def _globs(self, table: Mapping[str, Any], key: str, what: str) -> tuple[str, ...]:
        value = table.get(key)
        globs = cast("list[Any]", value if isinstance(value, list) else [value])
        if not globs or not all(isinstance(glob, str) and glob for glob in globs):
            raise self._error(key, what)
        return tuple(glob.lower() for glob in globs)

    def _text(self, table: Mapping[str, Any], key: str) -> str:
        value = table.get(key, "")
        if isinstance(value, date):
            return value.isoformat()
        if not isinstance(value, str):
            raise self._error(key, f'write text, as {key} = "…"')
        return value if key in ("source", "checked") else value.lower()

    def _number(self, table: Mapping[str, Any], key: str) -> Fraction:
        value = table[key]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | Decimal)
            or not Decimal(value).is_finite()
            or value < 0
        ):
            raise self._error(key, f"is {value!r}; write a number that is not negative, as {key} = 1.25")
        return Fraction(value)

    def _size(self, table: Mapping[str, Any], key: str) -> int | None:
        value = table.get(key)
        if value is not None and (type(value) is not int or not 0 < value <= _LARGEST):
            raise self._error(key, f"is {value!r}; write a whole number of tokens, as {key} = 32_768")
        return value

    def _price(self, table: Mapping[str, Any], kind: str) -> Fraction:
        return self._number(table, kind) * 1000

    def _day(self, table: Mapping[str, Any], key: str, otherwise: float) -> float:
        value = table.get(key)
        if value is None:
            return otherwise
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, date):
            return datetime.combine(value, time(), UTC).timestamp()
        raise self._error(key, f"write a date without quotes, as {key} = 2026-01-31")

    def _steps(self, table: Mapping[str, Any]) -> tuple[tuple[int, Mapping[str, Fraction]], ...]:
        steps = table.get("steps", [])
        example = "as [[model.steps]] with above = 200_000 and the prices beyond it"
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in cast("list[Any]", steps)):
            raise self._error("steps", f"write tables, {example}")
        made = dict[int, Mapping[str, Fraction]]()
        for step in cast("list[dict[str, Any]]", steps):
            above = step.get("above")
            if type(above) is not int or above < 0 or above in made:
                raise self._error("steps.above", f"write a number of input tokens, each once, {example}")
            for key in step:
                if key != "above" and key not in KINDS:
                    raise self._error(f"steps.{key}", f"is unknown; known are: above, {', '.join(KINDS)}")
            made[above] = {kind: self._price(step, kind) for kind in KINDS if kind in step}
        return tuple(sorted(made.items()))
