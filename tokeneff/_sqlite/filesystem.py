"""Which file it is, and whether it lies on another machine, where SQLite's write-ahead log does not work."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_NETWORK = ("nfs", "cifs", "smb", "afs", "9p", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "fuse.")
_MOUNTS = Path("/proc/self/mounts")


def identity(path: Path) -> tuple[int, int] | None:
    """What tells this file from another one that has taken its place; ``None`` where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def shared_over_network(path: Path) -> bool:
    """Whether the file's system is, or may be, a network's. Where nothing tells (not Linux), it is taken for local.

    Args:
        path: absolute.
    """
    best, kind = -1, ""
    with suppress(OSError):
        place = path.parent.resolve()
        for line in _MOUNTS.read_text("utf-8", "replace").splitlines():
            fields = line.split(" ")
            if len(fields) < 3:
                continue
            point = fields[1].replace("\\040", " ")
            if place.is_relative_to(point) and len(point) >= best:
                best, kind = len(point), fields[2]
    return kind.startswith(_NETWORK)
