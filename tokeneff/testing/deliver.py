"""Sending an answer, bent as the fault says."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator

from tokeneff.testing.answers import Answer, Frame
from tokeneff.testing.faults import Broken
from tokeneff.testing.wire import LAST_CHUNK, Connection, chunk, head

STRAIGHT = Broken()


def deliver(
    link: Connection, answer: Answer, how: Broken, *, compress: bool, last_words: Callable[[int], Frame]
) -> bool:
    """Send the answer; returns whether the connection can serve another request.

    Arguments: last_words makes the stream's error event, given the number of events sent before it.
    """
    if how.first_byte:
        link.wait(how.first_byte)
    if answer.frames is None:
        return _body(link, answer, how, compress)
    return _stream(link, answer, how, compress, last_words)


def _body(link: Connection, answer: Answer, how: Broken, compress: bool) -> bool:
    body = answer.body
    if how.malformed_after is not None:
        body = body[: len(body) // 2]
    headers = answer.headers
    if compress:
        body = gzip.compress(body, mtime=0)
        headers = (*headers, ("content-encoding", "gzip"))
    start = head(answer.status, (*headers, ("content-length", str(len(body)))))
    half = len(body) // 2
    if how.cut_after is not None:
        link.send(start + body[:half])
        if how.ending == "reset":
            link.reset()
        return False
    if how.between:
        link.send(start + body[:half])
        link.wait(how.between)
        link.send(body[half:])
    else:
        link.send(start + body)
    return True


def _stream(link: Connection, answer: Answer, how: Broken, compress: bool, last_words: Callable[[int], Frame]) -> bool:
    frames: Iterable[Frame] = answer.frames or ()
    if how is not STRAIGHT:
        frames = _bent(frames, how, last_words)
    squeeze = zlib.compressobj(wbits=31) if compress else None
    extra = (("transfer-encoding", "chunked"), *((("content-encoding", "gzip"),) if squeeze else ()))
    link.send(head(answer.status, (*answer.headers, *extra)))
    waited = False
    for frame in frames:
        if how.between and frame.content:
            if waited:
                link.wait(how.between)
            waited = True
        data = frame.data
        if squeeze:
            data = squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        link.send(chunk(data))
    if how.cut_after is not None and how.ending != "end":
        if how.ending == "reset":
            link.reset()
        return False
    link.send((chunk(squeeze.flush()) if squeeze else b"") + LAST_CHUNK)
    return True


def _bent(frames: Iterable[Frame], how: Broken, last_words: Callable[[int], Frame]) -> Iterator[Frame]:
    said = 0
    for sent, frame in enumerate(frames):
        if _reached(how.cut_after, said, frame):
            return
        if _reached(how.error_after, said, frame):
            yield last_words(sent)
            return
        yield _broken(frame) if frame.content and said == how.malformed_after else frame
        said += frame.content


def _reached(limit: int | None, said: int, frame: Frame) -> bool:
    # What follows the last wanted piece goes too (never the finish after a cut); what opens the stream stays.
    return limit is not None and said >= limit and (frame.content or limit > 0)


def _broken(frame: Frame) -> Frame:
    start, label, data = frame.data.partition(b"data: ")
    return Frame(start + label + data[: len(data) // 2] + b"\n\n", frame.content)
