"""``install()``: clients wrapped as they are constructed.

The base constructor of each SDK's clients is replaced by one that afterwards gives the object the generated class.
In place, so whatever the constructor goes on to do with ``self`` is done to the wrapped client.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from tokeneff._client import bare_class, is_wrapped, wrapped_class
from tokeneff._log import log_once
from tokeneff._settings import KEY, Settings
from tokeneff.adapters import family_of, known_sdks

_MARK = "__tokeneff_original__"
_arguments: dict[str, Any] | None = None


def install_for(arguments: dict[str, Any]) -> None:
    """See :func:`tokeneff.install`."""
    global _arguments
    Settings(**arguments)  # wrong arguments are told now, not when the first client is built
    _arguments = arguments
    for name in _modules():
        module = sys.modules.get(name)
        if module is not None:
            _patch(module)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def uninstall_all() -> None:
    """See :func:`tokeneff.uninstall`."""
    global _arguments
    _arguments = None
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    for name in _modules():
        module = sys.modules.get(name)
        for kind in _client_classes(module) if module is not None else ():
            original = getattr(kind.__dict__.get("__init__"), _MARK, None)
            if original is not None:
                kind.__init__ = original


def installed() -> bool:
    """Whether clients constructed now are wrapped."""
    return _arguments is not None


def _modules() -> list[str]:
    return [f"{sdk}._base_client" for sdk in known_sdks()]


def _client_classes(module: ModuleType) -> list[Any]:
    return [kind for name in ("SyncAPIClient", "AsyncAPIClient") if (kind := getattr(module, name, None)) is not None]


def _patch(module: ModuleType) -> None:
    for kind in _client_classes(module):
        if not hasattr(kind.__dict__.get("__init__"), _MARK):
            kind.__init__ = _wrapping(kind.__init__)


def _wrapping(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def construct(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        try:
            _wrap_in_place(self)
        except Exception as fault:  # noqa: BLE001 - the client is the caller's, wrapped or not
            log_once(("install", type(fault)), "a new client could not be wrapped", exc_info=fault)

    setattr(construct, _MARK, original)
    return construct


def _wrap_in_place(client: Any) -> None:
    arguments = _arguments
    base = bare_class(type(client))
    family = family_of(base)
    if arguments is None or family is None or is_wrapped(client):
        return
    client.__class__ = wrapped_class(base, family)
    client.__dict__[KEY] = Settings(**arguments)


class _Finder(MetaPathFinder):
    """Reaches an SDK that is imported after ``install()``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _modules():
            return None
        sys.meta_path.remove(self)
        try:
            spec = find_spec(fullname)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """The module's own loader, with the patch after it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if installed():
            _patch(module)
