"""US dollars as people write them, as whole nano-dollars, and back: exact both ways."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction

NANO = 10**9
MOST_USD = 9_000_000
"""Nano-dollars of it are below 2**53, which is what a Redis script counts exactly."""
MOST_COUNT = 9_000_000_000_000_000

Usd = int | float | str | Decimal


def nano_usd(value: object, what: str = "usd") -> int:
    """A price in nano-dollars (1e-9 USD).

    >>> nano_usd(0.1), nano_usd("2.50")
    (100000000, 2500000000)

    Args:
        value: US dollars. A float is what it is written as: 0.1 is a tenth.
        what: the argument's name, for errors.

    Raises:
        TypeError, ValueError: it is no amount of money above 0, too much, or finer than a nano-dollar.
    """
    amount = _decimal(value, what)
    if not amount.is_finite():
        raise ValueError(f"{what}={value!r} is no amount of money; write US dollars, as {what}=0.50")
    if amount <= 0:
        raise ValueError(f"{what}={value!r} lets nothing pass; write more than 0 US dollars, as {what}=0.50")
    if amount > MOST_USD:
        raise ValueError(f"{what}={value!r} is more than can be counted exactly; write {MOST_USD} US dollars at most")
    if amount.adjusted() >= -9:
        nano = Fraction(amount) * NANO
        if nano.denominator == 1:
            return nano.numerator
    raise ValueError(f"{what}={value!r} is finer than a nano-dollar (0.000000001), the smallest amount that is kept")


def _decimal(value: object, what: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise TypeError(
            f"{what}= takes US dollars as a number, str or Decimal, not {type(value).__name__}; write {what}=0.50"
        )
    if isinstance(value, float):
        return Decimal(float.__repr__(value))
    try:
        return Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        raise ValueError(f"{what}={value!r} is no number; write US dollars without a sign, as {what}='0.50'") from None


def in_usd(nano: int) -> Decimal:
    """Nano-dollars as US dollars, exactly, whatever the decimal context.

    >>> in_usd(2_500_000_000)
    Decimal('2.5')
    """
    whole, rest = divmod(abs(nano), NANO)
    digits = f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
    return Decimal(f"-{digits}" if nano < 0 else digits)


def shown(unit: str, amount: int) -> str:
    """An amount in a sentence.

    >>> shown("usd", 2_500_000_000), shown("tokens", 12000)
    ('2.50 USD', '12,000 tokens')
    """
    if unit != "usd":
        return f"{amount:,} {unit}" if amount != 1 else f"1 {unit.removesuffix('s')}"
    whole, _, part = f"{in_usd(amount):f}".partition(".")
    return f"{int(whole):,}.{part:0<2} USD" if whole != "-0" else f"-0.{part:0<2} USD"
