"""Numbers as people read them, in a terminal and on a page; the page's script writes its own in the same way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import floor

_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def money(nano: int) -> str:
    """Dollars, with as many digits as say something.

    >>> [money(nano) for nano in (1_234_567_890_000, 1_500_000_000, 12_345_678, 12_345, 12, 0)]
    ['$1,234.57', '$1.50', '$0.0123', '$0.000012', '<$0.000001', '$0']
    """
    if nano < 0:
        return f"−{money(-nano)}"
    if nano == 0:
        return "$0"
    if nano < 1_000:
        return "<$0.000001"
    digits = 2 if nano >= 995_000_000 else 4 if nano >= 9_950_000 else 6
    return f"${_scaled(nano, 10**9, digits):,.{digits}f}"


def amount(number: int) -> str:
    """A count of tokens in at most four digits from ten thousand on.

    >>> [amount(number) for number in (9_999, 12_345, 1_234_567, 5_000_000_000)]
    ['9,999', '12.3k', '1.23M', '5G']
    """
    if number < 10_000:
        return f"{number:,}"
    size, unit = next(each for each in _UNITS if number * 10_000 >= each[0] * 9_995)
    return f"{_three(number, size)}{unit}"


def duration(micros: int) -> str:
    """A span of time, in the unit that suits it.

    >>> [duration(micros) for micros in (850, 12_345, 1_234_567, 80_000_000, 3_900_000_000, 200_000_000_000)]
    ['850 µs', '12.3 ms', '1.23 s', '80 s', '1 h 5 min', '2 days 8 h']
    """
    if micros < 1_000:
        return f"{micros} µs" if micros else "0"
    if micros < 999_500:
        return f"{_three(micros, 1_000)} ms"
    if micros < 99_950_000:
        return f"{_three(micros, 10**6)} s"
    seconds = _rounded(micros, 10**6)
    if seconds < 3_600:
        return _pair(seconds, 60, "min", "s")
    minutes = _rounded(seconds, 60)
    if minutes < 48 * 60:
        return _pair(minutes, 60, "h", "min")
    return _pair(_rounded(minutes, 60), 24, "days", "h")


def share(part: float) -> str:
    """A share in percent.

    >>> [share(part) for part in (0.004, 0.5, 1.0)]
    ['0.4 %', '50 %', '100 %']
    """
    if 0 < part < 0.0995:
        return f"{floor(part * 1000 + 0.5) / 10:.1f} %"
    return f"{floor(part * 100 + 0.5)} %"


def moment(micros: int) -> str:
    """A time of day, in UTC.

    >>> moment(1_762_300_000_000_000)
    '4 Nov 2025, 23:46 UTC'
    """
    try:
        when = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return "no time that a calendar has"
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def several(number: int, one: str, many: str | None = None) -> str:
    """A number of things.

    >>> several(1, "call"), several(2_000, "call")
    ('1 call', '2,000 calls')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def brief(text: str, most: int = 120) -> str:
    """Text cut to a length that a page can bear."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _rounded(number: int, unit: int) -> int:
    """Half up, as the page's script rounds."""
    return (2 * number + unit) // (2 * unit)


def _scaled(number: int, size: int, digits: int) -> float:
    return _rounded(number, size // 10**digits) / 10**digits


def _three(number: int, size: int) -> str:
    """A number of units of a size, in three digits, more only where it takes them."""
    digits = 0 if number >= 100 * size else 1 if number >= 10 * size else 2
    return (
        f"{_scaled(number, size, digits):,.{digits}f}".rstrip("0").rstrip(".")
        if digits
        else f"{_rounded(number, size):,}"
    )


def _pair(number: int, factor: int, large: str, small: str) -> str:
    whole, rest = divmod(number, factor)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"
