"""Which file a URL names."""

from __future__ import annotations

import os
from pathlib import Path

from tokeneff._masked import masked


def file_of(url: str, what: str, forms: str, error: type[Exception]) -> Path:
    """The absolute path that ``sqlite:///relative.db`` or ``sqlite:////absolute/path.db`` names; ``~`` is a home.

    Args:
        url: begins with ``sqlite://``. what: what it is a URL of, for messages. forms: what may be written instead.
        error: raised where it names no file.
    """
    shown, name = masked(url), url.removeprefix("sqlite://")
    if not name.startswith("/"):
        place = shown.removeprefix("sqlite://") or "tokeneff.db"
        raise error(f"{what} {shown!r}: a file is named after three slashes, as sqlite:///{place}")
    name = name[1:]
    if not name or name.endswith(("/", os.sep)) or "\0" in name:
        raise error(f"{what} {shown!r} names no file: write {forms}")
    if "?" in name:
        names = ", ".join(option.partition("=")[0] for option in name.partition("?")[2].split("&"))
        raise error(f"{what} {shown!r}: options ({names}) are not known, leave them out")
    if name == ":memory:":
        raise error(f"{what} {shown!r}: a {what} in memory is named memory://")
    try:
        path = Path(name).expanduser().absolute()
        os.fsencode(path)
        return path
    except (RuntimeError, UnicodeError) as fault:
        raise error(f"{what} {shown!r}: {fault}") from None
