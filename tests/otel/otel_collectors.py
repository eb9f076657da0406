"""Loopback OTLP/HTTP collectors, good and bad, and programs run against them in a process of their own."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    port: int
    """The client's port: which connection it came on."""

    @property
    def message(self) -> dict[str, Any]:
        kind = ExportTraceServiceRequest if self.path.endswith("traces") else ExportMetricsServiceRequest
        return MessageToDict(kind.FromString(self.body))

    @property
    def spans(self) -> list[dict[str, Any]]:
        if not self.path.endswith("/v1/traces"):
            return []
        return [
            span
            for resource in self.message.get("resourceSpans", [])
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        if not self.path.endswith("/v1/metrics"):
            return []
        return [
            metric
            for resource in self.message.get("resourceMetrics", [])
            for scope in resource["scopeMetrics"]
            for metric in scope["metrics"]
        ]

    @property
    def resource(self) -> dict[str, Any]:
        group = (self.message.get("resourceSpans") or self.message["resourceMetrics"])[0]
        return {a["key"]: next(iter(a["value"].values())) for a in group["resource"]["attributes"]}


Answer = Callable[[BaseHTTPRequestHandler, int], None]


def good(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "application/x-protobuf")
    handler.send_header("content-length", "0")
    handler.end_headers()


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def late(seconds: float) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        time.sleep(seconds)
        good(handler, number)

    return answer


def hang_up(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def first(answer: Answer, times: int = 1) -> Answer:
    """*answer* to the first requests, good ever after."""
    return lambda handler, number: (answer if number < times else good)(handler, number)


class Collector:
    def __init__(self, answer: Answer = good) -> None:
        self._lock = threading.Lock()
        self._received: list[Received] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {k.lower(): v for k, v in self.headers.items()}
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                with outer._lock:
                    number = len(outer._received)
                    outer._received.append(Received(self.path, headers, body, self.client_address[1]))
                with suppress(OSError):
                    answer(self, number)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that gave up

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def received(self) -> list[Received]:
        with self._lock:
            return list(self._received)

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [span for received in self.received for span in received.spans]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return [metric for received in self.received for metric in received.metrics]

    def wait(self, done: Callable[[Collector], bool], timeout: float = 20) -> None:
        end = time.monotonic() + timeout
        while not done(self):
            assert time.monotonic() < end, (
                f"not so within {timeout} s: {[(r.path, len(r.spans)) for r in self.received]}"
            )
            time.sleep(0.01)


class Silent:
    """Accepts connections, in the kernel's backlog, and never reads or answers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()


class Crowded:
    """Its backlog is full, so that new connections are never made: as a host behind a firewall that drops packets."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._crowd = [socket.socket() for _ in range(4)]
        for one in self._crowd:
            one.setblocking(False)
            one.connect_ex(self._socket.getsockname())
        time.sleep(0.05)

    def __enter__(self) -> Crowded:
        return self

    def __exit__(self, *exc: object) -> None:
        for one in (*self._crowd, self._socket):
            one.close()


class Dead:
    """A port that nobody listens on: bound, so that nobody else gets it, and every connection refused."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Dead:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Ran:
    said: dict[str, Any]
    """What the program passed to its last `say`."""
    log: str
    exit_seconds: float
    """From that last `say` to the end of the process."""


_BEFORE = """
import json, sys, time
import tokeneff.otel
from tokeneff.otel import configure_otel
def say(**what):
    print(json.dumps({**what, "at": time.monotonic()}), flush=True)
"""


def run(program: str, **environment: str) -> Ran:
    """Run the program's text in a process of its own; the clock is the machine's, one for both processes."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    with subprocess.Popen(
        [sys.executable, "-c", _BEFORE + program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, **environment},
    ) as process:
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        ended = time.monotonic()
        out, err = process.communicate()
    assert process.returncode == 0, err
    said = json.loads(out.splitlines()[-1])
    return Ran(said, err, ended - said.pop("at"))
