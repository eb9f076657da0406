"""A dead, slow or full collector: at most 1 ms more for a call, at most 1 s more for the end of the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest
from otel_collectors import Collector, Crowded, Dead, Ran, Silent, hang_up, late, run, status

_CALLS = """
from opentelemetry import trace, metrics
{before}
otel = configure_otel({url!r}, service_name="s", {arguments})
tracer = trace.get_tracer("t")
histogram = metrics.get_meter("m").create_histogram("h")
def call(n):
    started = time.perf_counter()
    span = tracer.start_span("chat", attributes={{"n": n, "text": "x" * 100}})
    histogram.record(0.1, {{"model": "m"}})
    span.end()
    return time.perf_counter() - started
took = sorted(call(n) for n in range(2500))
time.sleep({pause})
say(median=took[len(took) // 2], p95=took[len(took) * 95 // 100])
"""

_NO_ANSWER = "import socket\nsocket.getaddrinfo = lambda *args, **kwargs: time.sleep(30)"
_NO_NAME = """
import socket
def no_name(*args, **kwargs): raise socket.gaierror(-2, "Name or service not known")
socket.getaddrinfo = no_name
"""


@dataclass(frozen=True)
class Nowhere:
    url: str = "http://collector.invalid:4318"


@contextmanager
def nowhere() -> Iterator[Nowhere]:
    yield Nowhere()


@dataclass(frozen=True)
class Bad:
    start: Callable[[], AbstractContextManager[Collector | Crowded | Dead | Nowhere | Silent]]
    reason: str
    """What the log says of it when there was time to learn it."""
    before: str = ""
    prompt: bool = True
    """Whether it refuses at once, so that the end of the process need not wait."""


BAD = {
    "dead": Bad(Dead, "ConnectionRefusedError: [Errno 111] Connection refused"),
    "503, retry after a minute": Bad(lambda: Collector(status(503, retry_after="60")), "HTTP 503 Service Unavailable"),
    "503, retry now": Bad(
        lambda: Collector(status(503, retry_after="0.2")), "HTTP 503 Service Unavailable", prompt=False
    ),
    "full": Bad(lambda: Collector(status(429)), "HTTP 429 Too Many Requests"),
    "wrong address": Bad(lambda: Collector(status(404)), "HTTP 404 Not Found"),
    "redirects": Bad(lambda: Collector(status(302, location="/login")), "HTTP 302 Found"),
    "hangs up": Bad(lambda: Collector(hang_up), "RemoteDisconnected: Remote end closed connection without response"),
    "name unknown": Bad(nowhere, "gaierror: [Errno -2] Name or service not known", before=_NO_NAME),
    "slow": Bad(lambda: Collector(late(5)), "the process ended", prompt=False),
    "accepts and never answers": Bad(Silent, "the process ended", prompt=False),
    "never accepts": Bad(Crowded, "the process ended", prompt=False),
    "name server never answers": Bad(nowhere, "the process ended", before=_NO_ANSWER, prompt=False),
}


def run_calls(bad: Bad, arguments: str, pause: float) -> tuple[Ran, str]:
    with bad.start() as collector:
        program = _CALLS.format(before=bad.before, url=collector.url, arguments=arguments, pause=pause)
        return run(program), collector.url


@pytest.fixture(scope="module")
def bare_exit() -> float:
    """Seconds that a process takes to end when nothing is sent."""
    program = _CALLS.format(before="", url="http://127.0.0.1:9", arguments="", pause=0)
    return max(run(program, OTEL_SDK_DISABLED="true").exit_seconds for _ in range(3))


@pytest.mark.parametrize("busy", [False, True], ids=["idle at exit", "sending at exit"])
@pytest.mark.parametrize("name", BAD)
def test_neither_a_call_nor_the_exit_waits(name: str, busy: bool, bare_exit: float) -> None:
    bad = BAD[name]
    # Busy: when the process ends, the exporters are inside a request or between two tries.
    arguments, pause = ("export_interval=0.05", 0.3) if busy else ("export_interval=60, queue_size=10_000", 0)
    # The promise is 1 s; on a machine busy with other tests a process needs longer for anything. The SDK's own set-up
    # takes some 40 s here.
    allowed = bare_exit + 3.0
    tries: list[tuple[float, float]] = []
    for _ in range(3):  # a busy machine may hold one run up, it does not hold up three
        ran, url = run_calls(bad, arguments, pause)
        tries.append((ran.said["median"], ran.exit_seconds))
        if ran.said["median"] < 0.001 and ran.exit_seconds < allowed:
            break
    else:
        pytest.fail(f"median call, exit: {tries} s; allowed: 0.001 and {allowed:.2f} s")
    lines = ran.log.splitlines()
    assert all("Calls go on" in line for line in lines), ran.log
    assert [line for line in lines if line.startswith("Spans, ") and f"did not reach {url}/v1/traces: " in line]
    assert len([line for line in lines if f"did not reach {url}/v1/metrics: " in line]) == 1
    assert len(lines) == 2
    if bad.prompt:
        assert all(bad.reason in line for line in lines), ran.log


def test_the_exit_waits_as_long_as_it_is_allowed_to(bare_exit: float) -> None:
    with Collector(late(1.5)) as collector:
        program = _CALLS.format(before="", url=collector.url, arguments="exit_timeout=20, queue_size=5000", pause=0)
        ran = run(program, OTEL_BSP_MAX_EXPORT_BATCH_SIZE="5000")
        assert ran.log == ""
        assert ran.exit_seconds > 1.5
        assert len(collector.spans) == 2500
