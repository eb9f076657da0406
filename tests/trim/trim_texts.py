"""Texts as tools, users and models write them, and as nobody should."""

from __future__ import annotations

from random import Random

_WORDS = ("order", "HX2210", "refund", "naïve", "東京", "Ω≈ç", "🧵", "src/app.py:12", "done", "error", "42.50", "null")
_NASTY = ("\ud83d", "a\udc00b", "\x00", "\u2028", "\x1b[31mred\x1b[0m", '{"a": 1}', " lead", "trail ", "\r\n", "\ufeff")


def words(r: Random, most: int = 12) -> str:
    """A text that is not blank."""
    return " ".join(r.choices(_WORDS, k=r.randint(1, most)))


def text(r: Random) -> str:
    """A text that is not blank, seldom an ordinary one."""
    kind = r.random()
    if kind < 0.6:
        return words(r)
    if kind < 0.75:
        return words(r, 3) + r.choice(_NASTY) + words(r, 3)
    if kind < 0.9:
        return "\n".join(words(r, 5) for _ in range(r.randint(2, 12)))
    return "x" * r.randint(1, 300)


def maybe_empty(r: Random) -> str:
    """The same, or none."""
    return "" if r.random() < 0.08 else text(r)


def name(r: Random) -> str:
    """A tool's name."""
    return r.choice(("read_file", "search", "get_order", "bash"))


def ident(r: Random, prefix: str) -> str:
    """An id."""
    return f"{prefix}{r.getrandbits(40):010x}"


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
