"""The fake provider: a loopback HTTP server in daemon threads, scripted by a queue."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from threading import Condition, RLock, Thread, current_thread
from types import TracebackType
from typing import Self, TypeVar

from tokeneff.testing.answering import GREETING, Script, Scripted, plan
from tokeneff.testing.answers import JSON_TYPE, dumps
from tokeneff.testing.deliver import deliver
from tokeneff.testing.faults import Silence
from tokeneff.testing.recorded import RecordedRequest
from tokeneff.testing.replies import Reply
from tokeneff.testing.store import Store
from tokeneff.testing.wire import BadRequestError, Connection, PeerGoneError, head

T = TypeVar("T")


class FakeProvider:
    """A provider of language models on loopback that answers as it is told and remembers what it was asked.

        with FakeProvider() as provider:
            provider.queue("first answer", faults.server_error(), Reply(text="second"))
            OpenAI(base_url=provider.openai_url, api_key="test")
            Anthropic(base_url=provider.anthropic_url, api_key="test")

    Arguments:
        default: what answers when nothing is queued: a Reply, its text, a fault, or a function of the
            RecordedRequest that returns a Reply or fault. A short fixed greeting where None.
        port: the TCP port; 0 takes a free one.
        keep: how many of the latest requests `requests` holds; None keeps all (0 for long benchmarks).
        models: the names that `/models` lists.
    """

    def __init__(
        self,
        default: str | Script | None = None,
        *,
        port: int = 0,
        keep: int | None = None,
        models: Iterable[str] = ("fake-model", "fake-model-mini", "fake-embedding"),
    ) -> None:
        self.default: Script = _script(default)
        self.store = Store(tuple(models))
        self._queue: deque[Scripted] = deque()
        self._requests: deque[RecordedRequest] = deque(maxlen=keep)
        self._count = 0
        self._disconnects = 0
        self._changed = Condition(RLock())
        self._links: dict[Connection, Thread] = {}
        self._closed = False
        self._pid = os.getpid()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = Thread(target=self._accept, name=f"fake-provider-{self.port}", daemon=True)
        self._acceptor.start()

    @property
    def anthropic_url(self) -> str:
        """The `base_url` for Anthropic clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """The `base_url` for OpenAI clients."""
        return f"{self.anthropic_url}/v1"

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests received so far, oldest first: a snapshot."""
        with self._changed:
            return list(self._requests)

    @property
    def request_count(self) -> int:
        """How many requests came, also those no longer kept."""
        return self._count

    @property
    def disconnects(self) -> int:
        """How many clients left before their reply was wholly sent (use `slow_chunks` to be sure of the moment)."""
        return self._disconnects

    @property
    def pending(self) -> int:
        """How many queued items have not been used."""
        return len(self._queue)

    def queue(self, *items: str | Scripted) -> None:
        """Script the coming answers: each item answers one HTTP request, in order, whatever its endpoint.

        Arguments: items are Replies, faults, or plain text (a Reply of that text).
        """
        ready = [Reply(text=item) if isinstance(item, str) else item for item in items]
        for item in ready:
            if not isinstance(item, Scripted):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"queue() takes text, Reply or a fault, not {type(item).__name__}")
        with self._changed:
            self._queue.extend(ready)

    def clear(self) -> None:
        """Forget the requests, the queue and the counts; ids start at 1 again."""
        with self._changed:
            self._queue.clear()
            self._requests.clear()
            self._count = self._disconnects = 0

    def wait_for(self, condition: Callable[[Self], T], timeout: float = 5.0) -> T:
        """Wait until `condition(provider)` is true, and return what it gave: `wait_for(lambda p: p.disconnects == 1)`.

        Arguments: timeout in seconds, after which TimeoutError says what had come by then.
        """
        with self._changed:
            value = self._changed.wait_for(lambda: condition(self), timeout)
        if not value:
            raise TimeoutError(
                f"not so after {timeout} s: {self._count} requests, {self._disconnects} disconnects, "
                f"{self.pending} queued"
            )
        return value

    def close(self) -> None:
        """Stop serving at once: open replies break off, threads end, sockets close. Closing twice is fine."""
        if self._pid != os.getpid():  # a forked child: the threads, and their clients, are the parent's
            self._listener.close()
            return
        with self._changed:
            if self._closed:
                return
            self._closed = True
            links = dict(self._links)
        _wake(self._listener, self.port)
        self._acceptor.join(5)
        self._listener.close()
        for link in links:
            link.hang_up()
        for thread in links.values():
            if thread is not current_thread():
                thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            link = Connection(sock)
            thread = Thread(target=self._serve, args=(link,), name=f"fake-provider-{self.port}-client", daemon=True)
            with self._changed:
                if self._closed:
                    sock.close()
                    return
                self._links[link] = thread
                thread.start()

    def _serve(self, link: Connection) -> None:
        try:
            while (request := link.read_request()) is not None and self._reply(link, self._record(request)):
                if (request.header("connection") or "").lower() == "close":
                    return
        except BadRequestError as error:
            self._refuse(link, error)
        except PeerGoneError:
            pass
        finally:
            with self._changed:
                self._links.pop(link, None)
                self._changed.notify_all()
            link.sock.close()

    def _record(self, request: RecordedRequest) -> RecordedRequest:
        with self._changed:
            self._count += 1
            request = replace(request, number=self._count)
            self._requests.append(request)
            self._changed.notify_all()
        return request

    def _reply(self, link: Connection, request: RecordedRequest) -> bool:
        planned = plan(request, self._next(), self.default, self.store)
        try:
            if isinstance(planned, Silence):
                if not planned.close:
                    link.wait(None)
                return False
            return deliver(link, planned.answer, planned.how, compress=planned.compress, last_words=planned.last_words)
        except PeerGoneError:
            with self._changed:
                if not self._closed:
                    self._disconnects += 1
                self._changed.notify_all()
            raise

    def _next(self) -> Script:
        with self._changed:
            return self._queue.popleft() if self._queue else self.default

    def _refuse(self, link: Connection, error: BadRequestError) -> None:
        body = dumps({"error": {"message": str(error), "type": "invalid_request_error"}})
        headers = (JSON_TYPE, ("content-length", str(len(body))), ("connection", "close"))
        with suppress(PeerGoneError):
            link.send(head(400, headers) + body)


def _script(default: str | Script | None) -> Script:
    if default is None:
        return GREETING
    if isinstance(default, str):
        return Reply(text=default)
    if isinstance(default, Scripted) or callable(default):
        return default
    raise TypeError(f"default is {type(default).__name__}; give text, a Reply, a fault, or a function that returns one")


def _wake(listener: socket.socket, port: int) -> None:
    # Closing a socket does not end another thread's accept(): shut it down, or, where that is refused, knock.
    try:
        listener.shutdown(socket.SHUT_RDWR)
    except OSError:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
