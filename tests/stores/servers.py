"""Redis and Valkey servers of the tests' own: started on loopback, on a free port, and ended for certain.

What a test takes is a fixture: ``redis_url`` (a fresh URL on a server that all tests share, on each kind of server that
this machine has), or ``own_server`` (one that it may kill, stop and start again).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

KINDS = ("redis-server", "valkey-server")
_UNPACKED = Path(__file__).parents[2] / ".venv" / "redis" / "usr" / "bin"
"""Where ``.ci/redis`` puts a server that it may not install."""
_PATIENCE = 30.0
"""Seconds for a server to answer: on a busy machine they are needed."""
_TRIES = 5
"""How often another port is tried where somebody took the free one."""


def found(kind: str) -> str | None:
    """The program, if this machine has it."""
    return shutil.which(kind) or shutil.which(kind, path=str(_UNPACKED))


def kinds() -> list[str]:
    """The kinds of server that this machine has."""
    return [kind for kind in KINDS if found(kind)]


class Server:
    """One server process. Nothing of it outlives its tests, whatever becomes of them.

    >>> with Server() as server:                    # or Server("--appendonly", "yes")
    ...     store = open_store(server.url())        # a prefix of its own each time
    ...     server.kill(); server.start()           # the same port; empty, unless it writes a file
    ...     server.pause(); server.resume()         # it is there and does not answer
    """

    def __init__(self, *options: str, kind: str = "", password: str = "", sentinel: bool = False) -> None:
        kind = kind or next(iter(kinds()), "")
        if not kind:
            pytest.skip("no redis-server and no valkey-server here: .ci/redis installs one")
        self.kind, self.password, self.options = kind, password, options
        self.directory = Path(mkdtemp(prefix="tokeneff-redis-"))
        self.sentinel = sentinel
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start it, on the port that it had, and wait until it answers."""
        for _ in range(_TRIES if not self.port else 1):
            port = self.port or free_port()
            if self._started(port):
                self.port = port
                return self
        log = (self.directory / "log").read_text(errors="replace")
        raise RuntimeError(f"{self.kind} did not start: {log[-2000:]}")

    def url(self, scheme: str = "redis", prefix: str | None = None) -> str:
        """A store's URL here, with a prefix that nobody else uses unless told."""
        prefix = f"t{uuid.uuid4().hex[:12]}" if prefix is None else prefix
        return f"{scheme}://{self._login()}127.0.0.1:{self.port}?prefix={prefix}"

    def client(self, timeout: float = 10.0) -> Any:
        """A bare client, for looking at what is there."""
        import redis

        return redis.Redis(
            port=self.port, password=self.password or None, socket_timeout=timeout, decode_responses=True
        )

    def commands(self) -> dict[str, int]:
        """How often each command was called so far; those that scripts call are counted as well."""
        with contextlib.closing(self.client()) as client:
            return {name: seen["calls"] for name, seen in client.info("commandstats").items()}

    def connects(self) -> int:
        """How many connections it has accepted so far, without those of this question."""
        with contextlib.closing(self.client()) as client:
            return client.info("stats")["total_connections_received"] - 1

    def pause(self) -> None:
        """SIGSTOP: connections are accepted by the kernel, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait for it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _login(self) -> str:
        return f":{self.password}@" if self.password else ""

    def _signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def _started(self, port: int) -> bool:
        program = found(self.kind)
        assert program is not None
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_dying_with_us(), program, *self._settings(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**os.environ, "LC_ALL": "C"},
            )
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            if self._answers(port):
                return True
            time.sleep(0.01)
        self.kill()
        return False

    def _settings(self, port: int) -> list[str]:
        if self.sentinel:
            file = self.directory / "sentinel.conf"
            file.write_text(f"port {port}\nbind 127.0.0.1\n" + "\n".join(self.options) + "\n")
            return [str(file), "--sentinel"]
        login = ["--requirepass", self.password, "--masterauth", self.password] if self.password else []
        plain = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        plain += ["--save", "", "--repl-diskless-sync-delay", "0"]
        return [*plain, *login, *self.options]

    def _answers(self, port: int) -> bool:
        """Whether it is this very process that answers, and it is not still reading its file."""
        import redis

        client = redis.Redis(port=port, password=self.password or None, socket_timeout=1.0)
        try:
            if not self.sentinel:
                client.ping()
            return self.process is not None and client.info("server")["process_id"] == self.process.pid
        except redis.RedisError:
            return False
        finally:
            client.close()


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def _dying_with_us() -> Sequence[str]:
    """So that not even a killed test run leaves a server behind."""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "KILL"] if program else []


@contextlib.contextmanager
def cluster(nodes: int = 1, kind: str = "") -> Iterator[list[Server]]:
    """A cluster whose nodes share the slots evenly: of one node, or of three."""
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(Server("--cluster-enabled", "yes", "--cluster-port", str(free_port()), kind=kind))
            for _ in range(nodes)
        ]
        clients = [stack.enter_context(contextlib.closing(server.client())) for server in servers]
        edges = [number * 16384 // nodes for number in range(nodes + 1)]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", edges[number], edges[number + 1] - 1)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in servers[1:]:
            bus = server.options[server.options.index("--cluster-port") + 1]
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", server.port, bus)
        for client in clients:
            _until(lambda client=client: _whole(client, nodes), "the cluster is not whole")
        yield servers


def _whole(client: Any, nodes: int) -> bool:
    told = client.execute_command("CLUSTER INFO")
    return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == nodes


@contextlib.contextmanager
def watched(service: str = "budgets", kind: str = "") -> Iterator[tuple[Server, Server, Server]]:
    """A sentinel with a master and a replica that it makes the master when that one is gone for a second."""
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(Server(kind=kind))
        replica = stack.enter_context(Server("--replicaof", f"127.0.0.1 {master.port}", kind=kind))
        sentinel = Server(
            f"sentinel monitor {service} 127.0.0.1 {master.port} 1",
            f"sentinel down-after-milliseconds {service} 1000",
            f"sentinel failover-timeout {service} 5000",
            kind=kind,
            sentinel=True,
        )
        stack.enter_context(sentinel)
        with contextlib.closing(replica.client()) as client:
            _until(lambda: client.info("replication")["master_link_status"] == "up", "the replica does not follow")
        with contextlib.closing(sentinel.client()) as client:
            _until(lambda: client.info("sentinel")["master0"]["slaves"] == 1, "the sentinel does not see the replica")
        yield sentinel, master, replica


def _until(done: Any, otherwise: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not done():
        assert time.monotonic() < until, otherwise
        time.sleep(0.02)


@pytest.fixture(scope="session", params=kinds() or ["redis-server"])
def shared_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that all tests share, of each kind that is here; nobody may stop it or empty it."""
    if found(request.param) is None:
        pytest.skip("no redis-server and no valkey-server here: .ci/redis installs one")
    with Server(kind=request.param) as server:
        yield server


@pytest.fixture
def redis_url(shared_server: Server) -> str:
    """A store's URL that nobody has used."""
    return shared_server.url()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server of this test's own."""
    with Server() as server:
        yield server
