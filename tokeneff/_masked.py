"""URLs as errors, logs and reports may show them."""

from __future__ import annotations

import re

# A user is what ends with an @ in the host's place; of a password, which may have any character in it, the last one.
_USER = re.compile(r"(?s)(?<=://)(?:[^/?#:]*:.*|[^/?#]*)@")


def masked(url: str) -> str:
    """A URL without user, password and the values of its options.

    >>> masked("postgres://ada:secret@host/db?key=secret")
    'postgres://****@host/db?****'
    """
    place, mark, _ = _USER.sub("****@", url).partition("?")
    return f"{place}?****" if mark else place
