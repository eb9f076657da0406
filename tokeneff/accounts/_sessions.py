"""Which conversation a request belongs to, found by the messages that it repeats."""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple
from weakref import WeakSet

from tokeneff.accounts._likeness import Likeness, heads_alike, likeness
from tokeneff.accounts._seen import Seen, common

_MOST_SESSIONS = 1_000
_MOST_WEIGHT = 200_000
"""Pieces held and messages known by their digests, over all sessions; about 30 MB."""
_MOST_HEADS = 256
_MOST_CANDIDATES = 4
_MOST_RECENT = 4
_SLACK = 1_000


class Session:
    """One conversation: the latest requests that others may go on from, more than one where calls run in parallel."""

    __slots__ = ("id", "keys", "name", "recent", "weight")

    def __init__(self, identifier: str, name: str | None) -> None:
        self.id = identifier
        self.name = name
        self.recent: list[Seen] = []
        self.keys: set[bytes] = set()
        """What the index knows it by."""
        self.weight = 0


class Place(NamedTuple):
    """Where a request belongs."""

    session: Session
    earlier: Seen | None = None
    """The request that it goes on from; if not ``related``, one of another session that begins like it."""
    related: bool = False
    length: int = 0
    """How many pieces at its beginning are those of ``earlier``."""
    chained: bool = False
    """Whether the provider keeps what came before, so that it is not in the request."""


class Sessions:
    """The conversations of one wrapping; the least recently used are forgotten first. Thread-safe."""

    def __init__(self, most: int = _MOST_SESSIONS, most_weight: int = _MOST_WEIGHT) -> None:
        self._most, self._most_weight = most, most_weight
        self._order: OrderedDict[Session, None] = OrderedDict()
        self._named: dict[str, Session] = {}
        self._by_message: dict[bytes, Session] = {}
        self._by_reply: dict[bytes, tuple[Session, Seen]] = {}
        self._heads: OrderedDict[bytes, tuple[Session, Seen]] = OrderedDict()
        self._latest: Seen | None = None
        self._weight = 0
        self._lock = Lock()
        _all.add(self)

    def place(self, new: Seen, name: str | None = None, reply: str | None = None) -> Place:
        """Find the session of a request, and make the request the latest of it.

        Args:
            new: the request. name: the caller's own name of the session, if there is one.
            reply: the id of the reply that the provider is asked to go on from.
        """
        with self._lock:
            place = self._by_id(reply, name) or (self._of_name(name, new) if name is not None else self._found(new))
            self._remember(place, new)
            return place

    def answered(self, session: Session, new: Seen, reply: str) -> None:
        """A reply that a later request may name instead of repeating what came before."""
        key = reply.encode("utf-8", "surrogatepass")
        with self._lock:
            if session in self._order and key not in self._by_reply:
                self._by_reply[key] = (session, new)
                session.keys.add(key)
                self._weigh(session)

    def withdraw(self, session: Session, new: Seen, earlier: Seen | None) -> None:
        """The request came to nothing: the next one is compared with what it went on from."""
        with self._lock:
            if new in session.recent:
                at = session.recent.index(new)
                session.recent[at : at + 1] = [earlier] if earlier is not None and earlier not in session.recent else []

    def _by_id(self, reply: str | None, name: str | None) -> Place | None:
        if reply is None:
            return None
        session, earlier = self._by_reply.get(reply.encode("utf-8", "surrogatepass"), (None, None))
        if session is None or (name is not None and session.name != name):
            return None
        return Place(session, earlier, related=True, chained=True)

    def _of_name(self, name: str, new: Seen) -> Place:
        session = self._named.get(name)
        if session is None:
            return self._opening(Session(name, name), new)
        best = self._best([session], new)
        if best is None:
            return Place(session)
        _, earlier, like = best
        # A conversation does not begin with an answer; and one that begins anew under the same head was summed up.
        related = like.related or new.answers or (like.length >= new.head and earlier.answers)
        return Place(session, earlier, related, like.length)

    def _found(self, new: Seen) -> Place:
        candidates: list[Session] = []
        known = self._by_message
        for digest in reversed(new.messages):
            session = known.get(digest)
            if session is not None and session not in candidates:
                candidates.append(session)
                best = self._best([session], new)
                if best is not None and best[2].goes_on and best[2].same_model and best[2].length >= new.head:
                    return Place(session, best[1], related=True, length=best[2].length)
                if len(candidates) == _MOST_CANDIDATES:
                    break
        best = self._best(candidates, new)
        if best is not None and best[2].related:
            return Place(best[0], best[1], related=True, length=best[2].length)
        return self._opening(Session(os.urandom(6).hex(), None), new)

    @staticmethod
    def _best(sessions: list[Session], new: Seen) -> tuple[Session, Seen, Likeness] | None:
        """The request most like the new one; of equals the latest, and one of a session that is earlier in the list."""
        best: tuple[Session, Seen, Likeness] | None = None
        for session in sessions:
            for earlier in reversed(session.recent):
                like = likeness(earlier, new)
                if best is None or like > best[2]:
                    best = (session, earlier, like)
        return best

    def _opening(self, session: Session, new: Seen) -> Place:
        """A session's first request, beside the latest of any session that begins alike."""
        known, other = self._heads.get(new.digests[0], (session, None))
        if other is None:
            # No first piece is the same; but a system prompt may differ by a date, and that is worth telling.
            latest = self._latest
            alike = latest is not None and latest.head > latest.tools and heads_alike(latest, new)
            return Place(session, latest if alike else None, length=0)
        length = common(other.digests, new.digests)
        if known.name == session.name and not other.messages and length == len(other.digests) < len(new.digests):
            # Nothing but a system prompt was sent, for the model to speak first; no message could tell the session.
            return Place(known, other, related=True, length=length)
        return Place(session, other, length=length)

    def _remember(self, place: Place, new: Seen) -> None:
        session = place.session
        recent = session.recent
        whole = place.earlier is not None and place.length == len(place.earlier.digests)
        if place.related and place.earlier in recent and (whole or place.chained) and place.earlier.model == new.model:
            recent.remove(place.earlier)
        recent.append(new)
        del recent[:-_MOST_RECENT]
        if session.name is not None:
            self._named[session.name] = session
        self._order[session] = None
        self._order.move_to_end(session)
        if session.name is None:
            self._index(session, new.digests[max(place.length, new.head) if place.related else new.head :])
        self._weigh(session)
        self._latest = new
        if new.digests:
            self._heads[new.digests[0]] = (session, new)
            self._heads.move_to_end(new.digests[0])
            if len(self._heads) > _MOST_HEADS:
                self._heads.popitem(last=False)
        while len(self._order) > self._most or (self._weight > self._most_weight and len(self._order) > 1):
            self._forget(self._order.popitem(last=False)[0])

    def _index(self, session: Session, digests: tuple[bytes, ...]) -> None:
        session.keys.update(digests)
        for digest in digests:
            self._by_message[digest] = session

    def _weigh(self, session: Session) -> None:
        held = 0
        for seen in session.recent:
            held += len(seen.digests)
        if len(session.keys) > 2 * held + _SLACK:
            # Messages that left a sliding history long ago need not be known any more.
            self._unindex(session)
            session.keys.clear()
            for seen in session.recent:
                self._index(session, seen.messages)
        weight = held + len(session.keys)
        self._weight += weight - session.weight
        session.weight = weight

    def _unindex(self, session: Session) -> None:
        for key in session.keys:
            if self._by_message.get(key) is session:
                del self._by_message[key]
            if key in self._by_reply and self._by_reply[key][0] is session:
                del self._by_reply[key]

    def _forget(self, session: Session) -> None:
        self._unindex(session)
        self._weight -= session.weight
        if session.name is not None:
            self._named.pop(session.name, None)

    def after_fork(self) -> None:
        """In a child process: a lock held by a thread of the parent's is held by nobody, and may have left disorder."""
        self.__init__(self._most, self._most_weight)


_all: WeakSet[Sessions] = WeakSet()


def _after_fork() -> None:
    for sessions in list(_all):
        sessions.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
