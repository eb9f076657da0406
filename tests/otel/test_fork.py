"""A process that is configured and then forks: gunicorn --preload, multiprocessing, os.fork."""

from __future__ import annotations

import os
from typing import Any

import pytest
from otel_collectors import Collector, Received, run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

_BEFORE = """
import multiprocessing, os, threading
from opentelemetry import metrics, trace
otel = configure_otel({url!r}, service_name="s", export_interval={interval})
tracer = trace.get_tracer("t")
counter = metrics.get_meter("m").create_counter("calls")
def call(name):
    tracer.start_span(name).end()
    counter.add(1, {{"name": name}})
"""


def ran(collector: Collector, program: str, interval: float = 60) -> dict[str, Any]:
    done = run(_BEFORE.format(url=collector.url, interval=interval) + program)
    assert "tokeneff" not in done.log, done.log
    assert "not reach" not in done.log, done.log
    return done.said


def names(collector: Collector) -> list[str]:
    return sorted(span["name"] for span in collector.spans)


def instance(received: Received) -> str | None:
    return received.resource.get("service.instance.id")


def test_each_process_sends_its_own_spans_once() -> None:
    with Collector() as collector:
        said = ran(
            collector,
            """
call("before")  # still in the parent's queue when it forks
children = []
for n in range(2):
    if not (pid := os.fork()):
        call(f"child {n}")
        say(child=n)
        sys.exit()
    children.append(pid)
for pid in children: os.waitpid(pid, 0)
call("after")
say(sent=otel.flush() and otel.sent_spans)
""",
        )
        assert said == {"sent": 2}
        assert names(collector) == ["after", "before", "child 0", "child 1"]
        assert {m["name"] for r in collector.received for m in r.metrics} == {"calls"}


def test_a_child_opens_its_own_connection() -> None:
    with Collector() as collector:
        ran(
            collector,
            """
call("before")
assert otel.flush()  # the parent's connections stay open
if not (pid := os.fork()):
    call("child")
    assert otel.flush()
    call("child later")
    sys.exit()
os.waitpid(pid, 0)
call("after")
assert otel.flush()
say()
""",
        )
        assert names(collector) == ["after", "before", "child", "child later"]
        parents = {r.port for r in collector.received for s in r.spans if not s["name"].startswith("child")}
        childs = {r.port for r in collector.received for s in r.spans if s["name"].startswith("child")}
        assert not parents & childs


def test_a_child_sends_at_its_interval_and_its_full_batches() -> None:
    with Collector() as collector:
        ran(
            collector,
            """
if not (pid := os.fork()):
    call("child")
    time.sleep(1)
    os._exit(0)  # without any end
os.waitpid(pid, 0)
say()
""",
            interval=0.05,
        )
        assert names(collector) == ["child"]


@pytest.mark.parametrize("way", ["Process", "Pool", "ProcessPoolExecutor"])
def test_a_multiprocessing_worker_sends_before_it_ends(way: str) -> None:
    body = {
        "Process": "workers = [context.Process(target=call, args=(f'w{n}',)) for n in range(3)]\n"
        "for w in workers: w.start()\n"
        "for w in workers: w.join()",
        "Pool": "with context.Pool(2) as pool:\n"
        "    pool.map(call, ['w0', 'w1', 'w2'])\n"
        "    pool.close()\n"
        "    pool.join()",
        "ProcessPoolExecutor": "from concurrent.futures import ProcessPoolExecutor\n"
        "with ProcessPoolExecutor(2, mp_context=context) as pool: list(pool.map(call, ['w0', 'w1', 'w2']))",
    }[way]
    with Collector() as collector:
        ran(collector, f"context = multiprocessing.get_context('fork')\n{body}\nsay()")
        assert names(collector) == ["w0", "w1", "w2"]


def test_forking_in_the_middle_of_deliveries_hangs_nobody() -> None:
    with Collector() as collector:
        said = ran(
            collector,
            """
stop = False
def busy():
    while not stop: call("parent"); time.sleep(0.0005)
thread = threading.Thread(target=busy); thread.start()
failed = 0
for n in range(20):
    time.sleep(0.01)
    if not (pid := os.fork()):
        tracer.start_span(f"child {n:02}").end()
        os._exit(0 if otel.flush(10) else 1)
    failed += os.waitpid(pid, 0)[1] != 0
stop = True
thread.join()
say(failed=failed)
""",
            interval=0.005,
        )
        assert said == {"failed": 0}
        assert [name for name in names(collector) if name != "parent"] == [f"child {n:02}" for n in range(20)]


def test_what_was_shut_down_stays_so_in_a_child() -> None:
    with Collector() as collector:
        said = ran(
            collector,
            """
otel.shutdown()
if not (pid := os.fork()):
    call("child")
    sys.exit(otel.active)
say(code=os.waitpid(pid, 0)[1])
""",
        )
        assert said == {"code": 0}
        assert collector.spans == []
