"""Results and documents made shorter when they arrive, once, and the same way ever after."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, TypeAlias

from tokeneff._log import log_once
from tokeneff.trim._history import History, Path, Spot
from tokeneff.trim.arrival._calls import Called, calls_of, shows_a_file
from tokeneff.trim.arrival._conversations import (
    UNDECIDED,
    Conversation,
    Conversations,
    Decided,
    Done,
    place_of,
    texts_of,
)
from tokeneff.trim.kinds import LOSSLESS, Context, Edit, Kind, kinds_of
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._vault import Vault

Count: TypeAlias = Callable[[str, str], int]
"""Tokens of a text, by a model."""

VERSION = 1
"""Of what the kinds do: with another one, everything is decided anew."""
LEAST = 16
"""Tokens that an edit saves at least."""
_SURELY = 8
"""Characters left out of a text that are more than a token."""
_TOLD = 40
"""Tokens that it costs to tell a model how it gets all of a text."""
_SHARE = 200
"""An edit has to save one character of so many."""
_NOTHING = b"{}"
_COUNTED = 16_000
"""Characters up to which a text is counted, where it is not sure by itself that an edit saves."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What is to be sent instead of some texts of a request."""

    texts: Mapping[Path, str] = field(default_factory=dict[Path, str])
    edits: tuple[Done, ...] = ()
    leans: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    """Messages to those before them that they refer to, which have to stay, as they are sent, for as long."""
    new: tuple[Done, ...] = ()
    """Those edits that were first made, or first seen by this process, with this request."""


class Arriving:
    """Decides about messages when they arrive.

    Example::

        arriving = Arriving(memo, vault, counter().text)
        arrived = arriving.known(history) or arriving.arrive(history, model)   # the latter asks the store
        body = replaced(history, arrived.texts)

    What is decided about a message holds for every request that begins with the same messages, tools and system prompt,
    in every process that shares the store. Nothing here raises.

    Args:
        memo: where decisions are. vault: where originals are, of edits that cannot be undone by themselves.
        count: tokens of a text, by a model.
        names: kinds of compaction.
        scope: whose requests these are (a tenant): decisions of others are not looked at.
        keep_tools: tools whose results stay as they are.
        recall: name of a tool that gives a model what was left out: it is told of it wherever something was.
        more: further kinds, tried after those named.
    """

    def __init__(
        self,
        memo: Memo,
        vault: Vault,
        count: Count,
        names: Sequence[str] = LOSSLESS,
        *,
        scope: str = "",
        keep_tools: Collection[str] = (),
        recall: str = "",
        more: Sequence[Kind] = (),
    ) -> None:
        self.kinds = (*kinds_of(names), *more)
        self._by_name = {kind.name: kind for kind in self.kinds}
        self._memo = memo
        self._vault = vault
        self._count = count
        self._keep = frozenset(keep_tools)
        self._recall = recall
        told = json.dumps([VERSION, scope, sorted(self._keep), recall, [kind.name for kind in self.kinds]])
        self._policy = blake2b(told.encode("utf-8", "surrogatepass"), digest_size=32, person=b"tokeneff.trim").digest()
        self._conversations = Conversations()

    def known(self, history: History) -> Arrived | None:
        """What is to be sent, where this process knows it for all messages; else ``None``. Waits for nothing."""
        found = self._conversations.seen(history.chain, time.monotonic() - self._memo.again)
        return None if found is None else _arrived(found, len(found))

    def arrive(
        self, history: History, model: str, since: int | None = None, gone: Collection[int | Path] = ()
    ) -> Arrived:
        """What is to be sent, and from now on will be. Asks the store for messages that this process has not seen.

        Args:
            history: the request. model: that it is for; its tokens are counted.
            since: the first message that may still be decided about; the caller knows that no provider's cache has it.
                Messages before it about which nothing was decided stay as they are. Unless given: the first behind the
                newest one that the model wrote.
            gone: messages that are left out, and paths of texts that are replaced otherwise: nothing that is decided
                now refers to them.
        """
        if not history.messages:
            return Arrived()
        conversation = self._conversations.take(history.chain)
        before = len(conversation.decided)
        paths = {spot.path: (spot.message, place_of(spot)) for spot in history.spots} if gone else {}
        conversation.gone({one if isinstance(one, int) else paths.get(one, -1) for one in gone})
        try:
            self._use(conversation)
            self._all(history, model, history.arrived if since is None else since, conversation)
        except Exception as fault:  # noqa: BLE001 - our own faults reach no call
            log_once(("trim", type(fault)), "results could not be made shorter", exc_info=fault)
            decided = [*conversation.decided, *[UNDECIDED] * len(history.messages)][: len(history.messages)]
            return _arrived(decided, before)
        self._conversations.put(history.chain, conversation)
        return _arrived(conversation.decided, before)

    def original(self, history: History, arrived: Arrived, path: Path) -> str:
        """The text at a path as it was, by undoing its edits alone: `history` is only asked for what edits refer to.

        Raises:
            LookupError: something of it is gone from the vault.
        """
        texts = {spot.path: arrived.texts.get(spot.path, spot.text) for spot in history.spots}
        text = texts[path]
        places = {(spot.message, place_of(spot)): texts[spot.path] for spot in history.spots}

        def earlier(message: int, place: str) -> str:
            if place.startswith("call:"):
                return next(text for found, text in _written(history, message) if found == place)
            return places[message, place]

        edits = [one for one in arrived.edits if one.path == path]
        name = next((one.kept for one in edits if one.kept), "")
        if name:
            found = self._vault.fetch(name)
            if found is None:
                raise LookupError(f"the original of the text at {path} is not in the vault any more")
            return found
        for done in reversed(edits):
            text = self._by_name[done.kind].undo(text, done.back, earlier)
        return text

    def _use(self, at: Conversation) -> None:
        """Tell the store, now and then, that what was decided is still used."""
        now = time.monotonic()
        if at.told < now - self._memo.again:
            at.told = now
            for key in at.keys:
                self._memo.get(key)
            for done in (done for one in at.decided for done in one.edits if done.kept):
                self._vault.fetch(done.kept)

    def _all(self, history: History, model: str, since: int, at: Conversation) -> None:
        """Decide about all messages that the conversation has not seen."""
        spots: dict[int, list[Spot]] = {}
        for spot in reversed(history.spots):
            if spot.message < len(at.decided):
                break
            spots.setdefault(spot.message, []).insert(0, spot)
        for number in range(len(at.decided), len(history.messages)):
            at.hear(history, number)
            own = spots.get(number, [])
            free = [
                spot
                for spot in own
                if spot.kind in ("tool_result", "document") and not spot.fixed and spot.tool not in self._keep
            ]
            decided = UNDECIDED
            if free:
                key = blake2b(history.chain[number], digest_size=32, key=self._policy).digest()
                at.keys.append(key)
                told = self._memo.get(key)
                if told is None:
                    made = self._decided(free, at, model, history, number) if number >= since else {}
                    told = self._memo.add(key, json.dumps(made, separators=(",", ":")).encode())
                if told != _NOTHING:
                    decided = _read(json.loads(told), free, number)
            at.decided.append(decided)

    def _decided(
        self, spots: Sequence[Spot], at: Conversation, model: str, history: History, number: int
    ) -> dict[str, Any]:
        """What becomes of the texts of one message, by their paths in it."""
        made: dict[str, Any] = {}
        query = next((spot.text for spot in reversed(history.spots) if spot.kind == "user"), "")
        for spot in spots:
            called = at.calls.get(spot.call, Called(spot.call, spot.tool, ""))
            context = Context(
                count=lambda text: self._count(text, model),
                tool=called.tool or spot.tool,
                arguments=called.arguments,
                query=query,
                verbatim=shows_a_file(called.tool or spot.tool, called.arguments),
            )
            if len(spot.text) >= self._conversations.least:
                context = replace(context, earlier=at.up_to(history, number))
            text, steps, leans = self._edited(spot.text, context)
            if steps:
                made[place_of(spot)] = {"text": text, "steps": steps, "leans": leans}
            if context.earlier is not None:
                at.add(spot, text)
        return made

    def _edited(self, text: str, context: Context) -> tuple[str, list[Any], list[int]]:
        """A text after all kinds that save something, and the way back."""
        original, told = text, False
        steps: list[Any] = []
        leans: set[int] = set()
        for kind in self.kinds:
            try:
                edit = kind.edit(text, context)
            except Exception as fault:  # noqa: BLE001 - one kind's fault is nobody else's
                log_once(("trim", kind.name, type(fault)), "compaction %s failed", kind.name, exc_info=fault)
                continue
            tell = bool(self._recall) and not (kind.lossless or told)
            if edit is None or not _saves(kind, text, edit, context, LEAST + _TOLD * tell):
                continue
            told |= tell
            kept = "" if edit.back else self._vault.keep(original)
            steps.append([kind.name, edit.back, kept, len(text) - len(edit.text)])
            leans.update(edit.leans)
            text = edit.text
        if told:
            note = f'\n[all {len(original)} characters: {self._recall}("{self._vault.name_of(original)}")]'
            steps[-1][3] -= len(note)
            text += note
        return text, steps, sorted(leans)


def _saves(kind: Kind, text: str, edit: Edit, context: Context, least: int) -> bool:
    """Whether it is fewer tokens for certain: no more is counted than is needed to know."""
    saved = len(text) - len(edit.text)
    if saved < least or saved * _SHARE < len(text) or not edit.text.strip():
        return False
    if edit.sure >= least:
        return True
    if edit.sure or len(text) > _COUNTED:  # what leaves a good part out need not be counted
        return not (edit.sure or kind.lossless) and saved >= _SURELY * least
    return context.count(text) - context.count(edit.text) >= least


def _read(told: Mapping[str, Any], spots: Sequence[Spot], number: int) -> Decided:
    """A decision, with the paths of this request."""
    texts: dict[Path, str] = {}
    edits: list[Done] = []
    leans: set[int] = set()
    for spot in spots if told else ():
        one = told.get(place_of(spot))
        if one is not None:
            texts[spot.path] = one["text"]
            edits.extend(Done(spot.path, kind, tuple(back), kept, saved) for kind, back, kept, saved in one["steps"])
            leans.update(one["leans"])
    return Decided(texts, tuple(edits), {number: tuple(sorted(leans))} if leans else {})


def _arrived(decided: Sequence[Decided], before: int) -> Arrived:
    texts: dict[Path, str] = {}
    edits: list[Done] = []
    leans: dict[int, tuple[int, ...]] = {}
    for one in decided:
        if one is not UNDECIDED:
            texts.update(one.texts)
            edits += one.edits
            leans.update(one.leans)
    new = [done for one in decided[before:] for done in one.edits]
    return Arrived(texts, tuple(edits), leans, tuple(new))


def _written(history: History, message: int) -> list[tuple[str, str]]:
    return [
        (f"call:{called.call}:{name}", text)
        for called in calls_of(history.dialect, history.messages[message])
        for name, text in texts_of(called)
    ]
