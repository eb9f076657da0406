"""A question as the guard and the built-in encoder see it: its words in one form, and what has to be the same."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from tokeneff.cache.semantic._english import CONTRACTIONS, FUNCTION, IRREGULAR, NEGATIONS, NUMERALS, POINTING

_LONGEST = 8000
"""Characters of a question that are looked at; a longer one is too long to be like another."""
_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "`", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})

_FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.S)
_QUOTED = re.compile(r"`[^`\n]+`|\"[^\"]+\"|(?<![^\s(\[,:;=])'(?=\S)[^'\n]*(?:'\w[^'\n]*)*'(?!\w)", re.S)
_APOSTROPHE = re.compile(r"(?<=\w)[`´′＇](?=\w)")
_FREE = re.compile(r"\b([^\W\d_]+)-free\b", re.I)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_SIGNS = re.compile(
    r"(?<=\w)[+#*]+(?!\w)|!=|[+*/=<>^|~\\&%]{2,}|[*=<>^|~\\]|(?<=\w)[+*/&](?=\w)|(?<!\S)!(?=\w)|(?<=\d)['\"′]+"
    r"|(?<=\s)[-−+/&;:,.!?](?=\s+\w)|(?<=\s)[()\[\]{}](?=\s)"
)
"""What stands between words and is said by none: ``C++``, ``a + b``, ``a == b``."""
_BITS = re.compile(r"[kKMGT]i?b\b")
_MARKED = re.compile(r"(?m)^(?: {4,}|\t).*$|^.*(?:[{};]|=>|->|::|\(\)|==|!=|<=|>=|&&|\|\|)\s*$")
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://\S+|www\.\S+|[\w.+-]+@[\w-]+\.[\w.-]+|(?<![\w/])(?:~|\.{1,2})?/[\w.@~+-]+(?:/[\w.@~+-]*)*"
    r"|[A-Za-z]:\\\S+|\b(?:[\w.-]+[/\\]){2,}[\w.-]*",
    re.I,
)
_IDENTIFIER = re.compile(
    r"[@#$%]\w*[A-Za-z_]\w*|(?<!\S)--?[A-Za-z][\w-]*(?=\s|=|$)|\b\w+(?:_\w+)+\b|\b_\w+|\b[a-z]+(?:[A-Z][a-z0-9]*)+\b"
    r"|\b[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+\b|\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\b|\b\w+\(\)?|\b[A-Za-z]+[0-9][\w-]*\b"
    r"|\b[A-Za-z]\w*(?:-\w+)*-[0-9][\w.-]*\b|\b[0-9]+[A-Za-z]+[0-9]\w*\b",
)
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w)])[-+−]|)(?P<money>[$€£¥₹]\s?|)(?P<digits>\d+(?:[.,:/\-’' ]?\d+)*)"
    r"(?P<unit>\s?[%‰°]|[A-Za-zµ]+(?![\w])|)"
)
_WORD = re.compile(r"[\ue000-\uf8ff]|[^\W\d_]+(?:'[^\W\d_]+)*|[^\W_]|[^\w\s.,;:!?'\"()\[\]…–—-]")
_QUIET = FUNCTION | NEGATIONS
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_MONEY = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen", "₹": "rupee", "%": "percent", "&": "and", "+": "plus"}


@dataclass(frozen=True, slots=True)
class Words:
    """What a question is made of.

    Args:
        words: all its words in order, lower case, contractions written out, endings taken off; a number is ``#80000``
            however it was written (``80,000``, ``5`` and ``five``).
        plain: the same words with their endings.
        exact: code, quotations, addresses and identifiers, in order.
        names: words with a capital letter that do not begin a sentence, and all in capitals.
        signs: of operators and of bits, in order.
        scripts: of its letters.
        asks: whether it has a question mark.
        whole: whether all of it was looked at.
    """

    words: tuple[str, ...]
    plain: tuple[str, ...]
    exact: tuple[str, ...]
    names: frozenset[str]
    signs: tuple[str, ...]
    asks: bool
    scripts: frozenset[str]
    whole: bool = True

    @property
    def content(self) -> list[str]:
        """The words that say what it is about."""
        return [word for word, plain in zip(self.words, self.plain, strict=True) if plain not in _QUIET]


@lru_cache(4096)
def words_of(question: str) -> Words:
    """Take a question apart."""
    whole = len(question) <= _LONGEST
    text = _APOSTROPHE.sub("'", _UNSEEN.sub("", question[:_LONGEST]))
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    text = _FREE.sub(r"without \1", _PRIVATE.sub(" ", text))
    exact: list[tuple[int, str]] = []
    for pattern in (_FENCED, _MARKED, _QUOTED, _ADDRESS, _IDENTIFIER):
        text = _taken(pattern, text, exact)
    signs = (*_SIGNS.findall(text), *_BITS.findall(text))
    numbers: list[str] = []
    text = _NUMBER.sub(lambda found: _number(found, numbers), text)
    plain: list[str] = []
    names: set[str] = set()
    for found in _WORD.finditer(text):
        word = found.group()
        if word[:1].isupper() and _is_name(word, text, found.start()):
            names.add(stem(_bare(word.casefold())))
        if "\ue000" <= word <= "\uf8ff":
            plain.append(numbers[ord(word) - 0xE000])
        else:
            plain += _written_out(word.casefold())
    plain = _counted(plain)
    return Words(
        tuple([stem(word) for word in plain]),
        tuple(plain),
        tuple([" ".join(piece.split()) for _, piece in sorted(exact)]),
        frozenset(names),
        signs,
        "?" in text,
        frozenset(_scripts("".join(plain))),
        whole,
    )


def _taken(pattern: re.Pattern[str], text: str, into: list[tuple[int, str]]) -> str:
    """The text without what matches, which goes into ``into``; places stay what they were."""

    def away(found: re.Match[str]) -> str:
        into.append((found.start(), found.group()))
        return " " * (found.end() - found.start())

    return pattern.sub(away, text)


def _number(found: re.Match[str], into: list[str]) -> str:
    digits, unit = found["digits"], found["money"].strip() + " " + found["unit"].strip()
    if re.fullmatch(r"\d{1,3}(?:[,’' ]\d{3})+(?:\.\d+)?", digits):
        digits = re.sub(r"[,’' ]", "", digits)
    if re.fullmatch(r"\d+(?:\.\d+)?", digits):
        digits = digits.lstrip("0") or "0"
        digits = "0" + digits if digits.startswith(".") else digits
    into.append("#" + found["sign"].strip().replace("−", "-").replace("+", "") + digits)
    return f" {chr(0xE000 + min(len(into) - 1, 0x18FE))} {unit} "


def _counted(words: list[str]) -> list[str]:
    """Numbers in words written as those in digits."""
    found: list[str] = []
    for index, word in enumerate(words):
        if word == "one" and ((index and words[index - 1] in POINTING) or words[index + 1 : index + 2] == ["of"]):
            found.append(word)
        else:
            found.append("#" + NUMERALS[word] if word in NUMERALS else word)
        if word in ("am", "pm") and index and words[index - 1][0] == "#":
            found[-1] = "antemeridiem" if word == "am" else "postmeridiem"
    return found


def _is_name(word: str, text: str, at: int) -> bool:
    if word == "I" or word.startswith("I'"):
        return False
    return (len(word) > 1 and word.isupper()) or not _begins(text, at)


def _begins(text: str, at: int) -> bool:
    before = text[:at].rstrip(" \t\"'([*-–—")
    return not before or before[-1] in ".!?:\n…"


def _bare(word: str) -> str:
    return word.removesuffix("'s").removesuffix("'")


def _written_out(word: str) -> list[str]:
    """``can't`` is ``can not``, ``it's`` is ``it``; a sign for money is its name."""
    known = CONTRACTIONS.get(word)
    if known is not None:
        return known.split()
    if word.endswith("n't"):
        return [word[:-3], "not"] if len(word) > 3 else ["not"]
    for ending, put in _ENDINGS:
        if word.endswith(ending):
            return [word.removesuffix(ending), *put] if len(word) > len(ending) else []
    return [_MONEY.get(word, word)]


_ENDINGS = (
    ("'re", ["are"]),
    ("'ve", ["have"]),
    ("'ll", ["will"]),
    ("'m", ["am"]),
    ("'d", ["would"]),
    *[(ending, list[str]()) for ending in ("'s", "'")],
)


@lru_cache(16384)
def stem(word: str) -> str:
    """The word without the endings that English gives to nouns and verbs; crude, and the same for all."""
    known = IRREGULAR.get(word)
    if known is not None:
        return known
    if len(word) < 4 or not word.isascii():
        return word
    for ending, put in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("ied", "y")):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word.removesuffix(ending) + put
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and re.search("[aeiouy]", word[: -len(ending)]):
            word = word.removesuffix(ending)
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def _scripts(text: str) -> set[str]:
    return {unicodedata.name(char, "?").partition(" ")[0] for char in set(text) if char.isalpha()}
