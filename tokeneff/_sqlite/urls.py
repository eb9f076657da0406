"""Which file a URL names."""

from __future__ import annotations

import os
from pathlib import Path


def file_of(url: str, what: str, forms: str, error: type[Exception]) -> Path:
    """The absolute path that ``sqlite:///relative.db`` or ``sqlite:////absolute/path.db`` names; ``~`` is a home.

    Args:
        url: begins with ``sqlite://``. what: what it is a URL of, for messages. forms: what may be written instead.
        error: raised where it names no file.
    """
    name = url.removeprefix("sqlite://")
    if not name.startswith("/"):
        raise error(f"{what} {url!r}: a file is named after three slashes, as sqlite:///{name or 'tokeneff.db'}")
    name = name[1:]
    if not name or name.endswith(("/", os.sep)) or "\0" in name:
        raise error(f"{what} {url!r} names no file: write {forms}")
    if "?" in name:
        raise error(f"{what} {url!r}: options ({name[name.index('?') :]}) are not known, leave them out")
    if name == ":memory:":
        raise error(f"{what} {url!r}: a {what} in memory is named memory://")
    try:
        path = Path(name).expanduser().absolute()
        os.fsencode(path)
        return path
    except (RuntimeError, UnicodeError) as fault:
        raise error(f"{what} {url!r}: {fault}") from None
