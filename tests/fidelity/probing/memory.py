"""Replies that are in memory at once: a ``MockTransport`` whose answers are fetched from the provider beforehand."""

from __future__ import annotations

import http.client
from typing import Any

from tokeneff.testing import FakeProvider


def in_memory(module: Any, awaiting: bool, provider: FakeProvider) -> Any:
    """An http client of ``module`` (httpx or httpx2) that gives every reply as ``content=``."""

    def answer(request: Any, body: bytes) -> Any:
        link = http.client.HTTPConnection("127.0.0.1", provider.port)
        target = request.url.raw_path.decode()
        link.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.multi_items():
            if name.lower() != "transfer-encoding":
                link.putheader(name, value)
        if body and "content-length" not in request.headers:
            link.putheader("content-length", str(len(body)))
        link.endheaders(body or None)
        reply = link.getresponse()
        content = reply.read()
        headers = [pair for pair in reply.getheaders() if pair[0].lower() not in ("transfer-encoding", "connection")]
        link.close()
        return module.Response(reply.status, headers=headers, content=content)

    async def aanswer(request: Any) -> Any:
        return answer(request, await request.aread())

    if awaiting:
        return module.AsyncClient(transport=module.MockTransport(aanswer))
    return module.Client(transport=module.MockTransport(lambda request: answer(request, request.read())))
