"""Clients that are built quickly (no certificates are loaded: nothing here speaks TLS) and retry at once."""

from __future__ import annotations

import os
import ssl
from importlib import import_module

import pytest


def quickly(patch: pytest.MonkeyPatch) -> None:
    """Have them be so, and nothing of this machine's settings reach them."""
    patch.setattr(ssl.SSLContext, "load_verify_locations", lambda self, *args, **named: None)
    for name in [key for key in os.environ if key.startswith(("OPENAI_", "ANTHROPIC_", "AZURE_", "AWS_", "OTEL_"))]:
        patch.delenv(name)
    for sdk in ("openai", "anthropic"):
        patch.setattr(import_module(f"{sdk}._base_client"), "INITIAL_RETRY_DELAY", 0.001)
        patch.setattr(import_module(f"{sdk}._base_client"), "MAX_RETRY_DELAY", 0.002)
