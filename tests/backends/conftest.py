from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

KEPT = ("TOKENEFF_TEST_", "TOKENEFF_TRACES")


@pytest.fixture(scope="module", autouse=True)
def clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in os.environ:
            if name.startswith(("OTEL_", "TOKENEFF_")) and not name.startswith(KEPT):
                monkeypatch.delenv(name)
        yield


def _told(variable: str, what: str) -> str:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} does not name {what} (make test-backends starts one)")
    return value


@pytest.fixture(scope="module")
def phoenix_url() -> str:
    return _told("TOKENEFF_TEST_PHOENIX", "a Phoenix server")


@pytest.fixture(scope="module")
def mlflow_url() -> str:
    return _told("TOKENEFF_TEST_MLFLOW", "an MLflow server")


@pytest.fixture(scope="module")
def prometheus_url() -> str:
    return _told("TOKENEFF_TEST_PROMETHEUS", "a Prometheus server")


@pytest.fixture(scope="module")
def prometheus_targets() -> str:
    """The file that tells Prometheus what to scrape."""
    return _told("TOKENEFF_TEST_PROMETHEUS_TARGETS", "the target file of a Prometheus server")
