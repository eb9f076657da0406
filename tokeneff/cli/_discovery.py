"""Commands are the modules of `tokeneff.cli.commands`: a file put there is a command.

Such a module has a docstring (the first line is the summary, the rest its examples), `arguments(parser)`, which adds
its options, and `run(args, out) -> int`, which returns the exit code. Heavy imports belong into `run`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import tokeneff.cli.commands as package


def discover() -> dict[str, ModuleType]:
    """Return the command modules by name."""
    names = sorted(module.name for module in iter_modules(package.__path__) if not module.name.startswith("_"))
    return {name.replace("_", "-"): import_module(f"{package.__name__}.{name}") for name in names}
