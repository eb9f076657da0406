"""What the guard knows of English: closed classes of words, of which one in the place of another asks something else.

The words are in ``english.txt``, by section; everyday words in ``words.txt`` (levels 10 and 20 of SCOWL 2020.12.07,
whose notice is in ``words.LICENSE``).
"""

from __future__ import annotations

from importlib.resources import files


def read(name: str) -> str:
    """A file of words."""
    return files("tokeneff.cache.semantic").joinpath(name).read_text("ascii")


def _sections(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            words = found.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            words += line.split()
    return found


def _pairs(words: list[str]) -> dict[str, str]:
    return {word: put for word, _, put in [pair.partition("=") for pair in words]}


def _groups(words: list[str]) -> tuple[frozenset[str], ...]:
    return tuple([frozenset(group.split()) for group in " ".join(words).split(" ;") if group])


def _opposites(pairs: list[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for one, _, other in [pair.partition("/") for pair in pairs]:
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


_READ = _sections(read("english.txt"))

CONTRACTIONS = {word: put.replace("_", " ") for word, put in _pairs(_READ["contractions"]).items()}
IRREGULAR = _pairs(_READ["irregular"])
NUMERALS = _pairs(_READ["numerals"])
FUNCTION, NEGATIONS, DENIALS, POINTING, PREFIXES, FILLERS, AFTER_NOT, HOMOGRAPHS, ASKING = [
    frozenset(_READ[name])
    for name in (
        "function",
        "negations",
        "denials",
        "pointing",
        "prefixes",
        "fillers",
        "after not",
        "homographs",
        "asking",
    )
]
KINDS, RIVALS = _groups(_READ["kinds"]), _groups(_READ["rivals"])
OPPOSITES = _opposites(_READ["opposites"])
FRAMES = tuple([tuple(line.replace("_", " ").rsplit("=", 1)) for line in _READ["frames"]])
