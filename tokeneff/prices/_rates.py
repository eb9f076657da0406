"""Exact rates per token, and the sum that they make of a call's tokens."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from tokeneff._flow import Tokens
from tokeneff.prices._cost import UNPRICED, Confidence, Cost

KINDS = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "output",
    "reasoning",
    "input_audio",
    "cache_read_audio",
    "output_audio",
    "input_image",
    "cache_read_image",
    "output_image",
)
"""What can have a price per token."""

_ORDER: dict[Confidence, int] = {"listed": 0, "assumed": 1, "estimated": 2, "unknown": 3}
_HOUR = Fraction(
    8, 5
)  # Anthropic: twice the input price, where five minutes cost 1.25 times; and so in Bedrock's list.


class Rates(NamedTuple):
    """What one token of each kind costs, in nano-dollars, exactly.

    Every field is filled: a kind that the source has no price for costs what it would without its discount, and is
    named in ``assumed``.
    """

    input: Fraction
    cache_read: Fraction
    cache_write: Fraction
    cache_write_1h: Fraction
    output: Fraction | None
    """``None``: nothing is known of what output costs."""
    assumed: tuple[str, ...] = ()
    source: str = "unknown"
    version: str = ""
    confidence: Confidence = "unknown"
    note: str = ""


class Quote(NamedTuple):
    """What a source says of one model, at one place, time and tier."""

    prices: Mapping[str, Fraction]
    """Nano-dollars per token, by kind; a kind without a price is not there."""
    steps: tuple[tuple[int, Mapping[str, Fraction]], ...] = ()
    """Prices of whole calls with more input tokens than this, ascending."""
    source: str = "unknown"
    version: str = ""
    confidence: Confidence = "listed"
    notes: tuple[str, ...] = ()
    one_price: bool = False
    """Whether audio and images are known to cost what text does where they have no price of their own."""

    def worse(self, confidence: Confidence, *notes: str) -> Quote:
        """The same, trusted no further than this."""
        return self._replace(confidence=weaker(self.confidence, confidence), notes=(*self.notes, *notes))

    def times(self, factor: Fraction) -> Quote:
        """The same at a multiple of every price."""
        steps = tuple((above, {kind: rate * factor for kind, rate in prices.items()}) for above, prices in self.steps)
        return self._replace(prices={kind: rate * factor for kind, rate in self.prices.items()}, steps=steps)


def weaker(one: Confidence, other: Confidence) -> Confidence:
    """The worse of two."""
    return one if _ORDER[one] > _ORDER[other] else other


class Sheet:
    """A quote made ready for sums: integers over one denominator, one :class:`Sheet` for each long-context step."""

    source: str
    version: str
    confidence: Confidence
    note: str
    rates: Rates | None
    """What :meth:`Prices.rates` says, or ``None`` where input has no price."""

    __slots__ = (
        "_above",
        "_absent",
        "_cents",
        "_higher",
        "_notes",
        "_reasons",
        "confidence",
        "note",
        "rates",
        "source",
        "unit",
        "version",
    )

    def __init__(self, quote: Quote) -> None:
        given = dict(quote.prices)
        full, self._absent = _filled(given, quote.one_price)
        self.source, self.version, self.confidence = quote.source, quote.version, quote.confidence
        self._notes, self.note = quote.notes, "; ".join(dict.fromkeys(quote.notes))
        self.unit = lcm(*(rate.denominator for rate in full.values())) if full else 1
        self._cents = {kind: int(rate * self.unit) for kind, rate in full.items()}
        self._reasons = full.get("reasoning") != full.get("output")
        self.rates = self._public(full)
        self._higher = None
        self._above = 0
        if quote.steps:
            (self._above, prices), *rest = quote.steps
            self._higher = Sheet(quote._replace(prices={**given, **prices}, steps=tuple(rest)))

    def _public(self, full: Mapping[str, Fraction]) -> Rates | None:
        if "input" not in full:
            return None
        return Rates(
            full["input"],
            full["cache_read"],
            full["cache_write"],
            full["cache_write_1h"],
            full.get("output"),
            tuple(kind for kind in KINDS[:4] if kind in self._absent),
            self.source,
            self.version,
            self.confidence,
            self.note,
        )

    def at(self, input_tokens: int) -> Sheet:
        """The sheet that a call with so much input is billed by."""
        sheet = self
        while sheet._higher is not None and input_tokens > sheet._above:
            sheet = sheet._higher
        return sheet

    def cost(self, tokens: Tokens) -> Cost:
        """The cost of a call. Its parts are exact rational amounts, made whole by largest remainder."""
        total, out, made = tokens.input_tokens, tokens.output_tokens, tokens.output_source
        if total is None or (out is None and made == "unknown"):
            return self._none("no count of input tokens" if total is None else "no count of output tokens")
        if self._higher is not None:
            sheet = self.at(total)
            if sheet is not self:
                return sheet.cost(tokens)
        cents, odd = self._cents, ()
        out, read, write, hour = out or 0, tokens.cache_read or 0, tokens.cache_write or 0, tokens.cache_write_1h or 0
        if read + write > total or hour > write:
            read, write, hour, odd = *_within(total, read, write, hour), ("counts contradict each other",)
        if ("input" not in cents and total) or ("output" not in cents and out):
            return self._none(f"no price per {'input' if total and 'input' not in cents else 'output'} token")
        fresh = (total - read - write) * cents.get("input", 0)
        cached = read * cents.get("cache_read", 0)
        written = write * cents.get("cache_write", 0)
        if hour:
            written += hour * (cents["cache_write_1h"] - cents["cache_write"])
        made_of = out * cents.get("output", 0)
        if (tokens.audio_input or tokens.audio_output or tokens.image_input or tokens.image_output) or (
            self._reasons and tokens.reasoning
        ):
            more = self._modal(tokens, total - read - write, read)
            fresh, cached, made_of, odd = fresh + more[0], cached + more[1], made_of + more[2], (*odd, *more[3])
        if self._absent and (read or write):
            odd = (*odd, *self._missing(read, write, hour))
        confidence, note = self.confidence, self.note
        if odd or made == "estimated" or tokens.input_source == "estimated":
            confidence, note = self._trust(odd, tokens.source == "estimated")
        a, b, c, d = (fresh, cached, written, made_of)
        if self.unit != 1:
            a, b, c, d = _whole((a, b, c, d), self.unit)
        return Cost(a + b + c + d, a, b, c, d, self.source, self.version, confidence, note)

    def _none(self, why: str) -> Cost:
        return UNPRICED._replace(source=self.source, version=self.version, note=why)

    def _trust(self, odd: tuple[str, ...], estimated: bool) -> tuple[Confidence, str]:
        notes = (*self._notes, *odd, *(("tokens are estimated",) if estimated else ()))
        confidence = weaker(self.confidence, "estimated" if estimated else "assumed")
        return confidence, "; ".join(dict.fromkeys(notes))

    def _apart(self, modality: str) -> bool:
        cents = self._cents
        plain, read = cents[f"input_{modality}"], cents[f"cache_read_{modality}"]
        return (plain, read) != (cents["input"], cents["cache_read"])

    def _missing(self, read: int, write: int, hour: int) -> tuple[str, ...]:
        used = {"cache_read": read, "cache_write": write - hour, "cache_write_1h": hour}
        return tuple(self._absent[kind] for kind, count in used.items() if count and kind in self._absent)

    def _modal(self, tokens: Tokens, fresh: int, read: int) -> tuple[int, int, int, tuple[str, ...]]:
        """What audio, images and reasoning cost more, or less, than the text rate: input, cached, output; notes."""
        cents, notes = self._cents, list[str]()
        sums = [0, 0, 0]
        images, sounds = tokens.image_input or 0, tokens.audio_input or 0
        split = tokens.image_cache_read is not None or tokens.audio_cache_read is not None
        images_read, sounds_read = tokens.image_cache_read or 0, tokens.audio_cache_read or 0
        if read and not split and images + sounds:
            # Which tokens were cached is not said: the text first, then images, then audio.
            left = max(0, read - max(0, fresh + read + (tokens.cache_write or 0) - images - sounds))
            images_read = min(images, left)
            sounds_read = min(sounds, left - images_read)
            if (images and self._apart("image")) or (sounds and self._apart("audio")):
                notes.append("which of the cached tokens were text is not known")
        counts = (
            (0, "input_image", max(0, images - images_read)),
            (0, "input_audio", max(0, sounds - sounds_read)),
            (1, "cache_read_image", images_read),
            (1, "cache_read_audio", sounds_read),
            (2, "output_image", tokens.image_output or 0),
            (2, "output_audio", tokens.audio_output or 0),
            (2, "reasoning", tokens.reasoning or 0),
        )
        room = [fresh, read, tokens.output_tokens or 0]
        for part, kind, count in counts:
            used = min(count, room[part])
            room[part] -= used
            if used:
                sums[part] += used * (cents[kind] - cents[_MODAL[kind]])
                if kind in self._absent:
                    notes.append(self._absent[kind])
        return sums[0], sums[1], sums[2], tuple(notes)


_MODAL = {
    "input_image": "input",
    "input_audio": "input",
    "cache_read_image": "cache_read",
    "cache_read_audio": "cache_read",
    "output_image": "output",
    "output_audio": "output",
    "reasoning": "output",
}
_WORDS = {
    "cache_read": "cached reads",
    "cache_write": "cache writes",
    "cache_write_1h": "cache writes for an hour",
    "input_audio": "audio input",
    "output_audio": "audio output",
    "cache_read_audio": "cached audio",
}


def _filled(given: Mapping[str, Fraction], one_price: bool) -> tuple[dict[str, Fraction], dict[str, str]]:
    """Every price, and for each that nobody gave and that matters, a note on what stands in for it."""
    full, absent = dict(given), dict[str, str]()
    if "input" in given:
        for kind in ("cache_read", "cache_write"):
            if kind not in given:
                full[kind] = given["input"]
                absent[kind] = f"no price for {_WORDS[kind]}: at the input price"
        if "cache_write_1h" not in given:
            full["cache_write_1h"] = full["cache_write"] * (_HOUR if "cache_write" in given else 1)
            absent["cache_write_1h"] = f"no price for {_WORDS['cache_write_1h']}: " + (
                "at 1.6 times that for five minutes" if "cache_write" in given else "at the input price"
            )
    for kind, text in _MODAL.items():
        if kind not in full and text in full:
            full[kind] = full[text]
            if kind == "cache_read_audio" and "input_audio" in given:
                full[kind] = given["input_audio"]  # the text's cached price would be far too low
                absent[kind] = "no price for cached audio: at the price of audio input"
            elif "audio" in kind and kind != "cache_read_audio" and not one_price:
                absent[kind] = f"no price for {_WORDS[kind]}: at the text price"
    return full, absent


def _within(total: int, read: int, write: int, hour: int) -> tuple[int, int, int]:
    """Counts that fit into their total, where a provider said otherwise."""
    read = min(read, total)
    write = min(write, total - read)
    return read, write, min(hour, write)


def _whole(amounts: tuple[int, ...], unit: int) -> list[int]:
    """Amounts over ``unit`` as integers that sum to the total rounded half up, each less than 1 from its own amount.

    By largest remainder; of equal remainders the earlier part gets the unit.
    """
    floors = [amount // unit for amount in amounts]
    short = (2 * sum(amounts) + unit) // (2 * unit) - sum(floors)
    if short:
        largest = sorted(range(len(amounts)), key=lambda index: (-(amounts[index] % unit), index))
        for index in largest[:short]:
            floors[index] += 1
    return floors
