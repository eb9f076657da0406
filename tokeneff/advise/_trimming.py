"""Trimming as it would have been: the same parts as in live calls, on recorded requests and their times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

from tokeneff.errors import ContextTooLong
from tokeneff.tokens import Prompt, counter
from tokeneff.trim import Trim
from tokeneff.trim._changing import replaced
from tokeneff.trim._history import Exchange, History, Path
from tokeneff.trim._reading import history_of
from tokeneff.trim.arrival._arriving import Arrived, Arriving
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._stores import GuardedMemoStore, open_memo_store
from tokeneff.trim.memo._vault import Vault
from tokeneff.trim.planning._anchoring import anchors_of
from tokeneff.trim.planning._batches import Batch
from tokeneff.trim.planning._limit import fitted, window_of
from tokeneff.trim.planning._outlook import Outlook
from tokeneff.trim.planning._planner import Planner, Request
from tokeneff.trim.planning._replay import Market, Sent, Turn

_scopes = count()
_ROOM = 3, 4
"""As live calls do: what is too long is cut to this part of the limit."""


class Trimming:
    """Trims one conversation's requests.

    Args:
        trim: what is asked for. place: where they go.
        outlook: how long conversations of this kind are, as learnt from those before.
        marked: whether the requests set breakpoints that they do not show.
    """

    def __init__(self, trim: Trim, place: Market, outlook: Outlook, marked: bool) -> None:
        self._trim, self._place, self._outlook = trim, place, outlook
        self._anchors = None if marked else partial(anchors_of, rule=place.rule)
        self.too_long = 0
        """Requests that could not be brought under the limit."""
        memo = Memo(GuardedMemoStore(open_memo_store("memory://tokeneff-advise", 1 << 26)))
        scope = f"advise {next(_scopes)}"  # stores of a URL are one
        self._planner = Planner(memo, tools=trim.keep_tools, scope=scope)
        self._arriving = Arriving(
            memo, Vault(memo, scope), counter().text, trim.kinds, scope=scope, keep_tools=trim.keep_tools
        )

    def __call__(self, turn: Turn) -> Sent:
        """What is sent of a request."""
        history = history_of(turn.dialect, turn.body)
        if history is None or not history.messages:
            return Sent(turn.body)
        arrived = self._arrived(turn, history)
        sent, texts = self._planned(turn, history, arrived)
        most = self._trim.max_input_tokens or window_of(turn.model, turn.body)
        tokens = (sent.pieces or turn.pieces(sent.body)).total if sent.body is not turn.body else turn.plain.total
        if tokens <= most:
            return sent
        try:
            return self._fitted(turn, history, most, texts, arrived, tokens)
        except ContextTooLong:
            self.too_long += 1
            return Sent(turn.body) if self._trim.max_input_tokens is None else sent

    def _arrived(self, turn: Turn, history: History) -> Arrived:
        known = self._arriving.known(history)
        if known is not None:
            return known
        rates = self._place.rates(turn.plain.total)
        shorten = self._planner.may_shorten(history, self._place.rule, rates, turn.plain, self._outlook)
        standing = self._planner.standing(history)
        gone = {*standing.texts, *(place for start, stop in standing.gone for place in range(start, stop))}
        return self._arriving.arrive(history, turn.model, history.arrived if shorten else len(history.messages), gone)

    def _planned(self, turn: Turn, history: History, arrived: Arrived) -> tuple[Sent, Mapping[Path, str]]:
        if not self._trim.history:
            body = replaced(history, arrived.texts) if arrived.texts else turn.body
            return Sent(body), arrived.texts
        request = Request(
            history,
            self._place.rule,
            self._place.rates(turn.plain.total),
            turn.plain,
            turn.pieces,
            turn.at,
            self._outlook,
            arrived.texts,
            arrived.leans,
            anchors=self._anchors,
        )
        planned = self._planner.plan(request)
        return Sent(planned.body, planned.pieces), planned.texts

    def _fitted(
        self, turn: Turn, history: History, most: int, texts: Mapping[Path, str], arrived: Arrived, before: int
    ) -> Sent:
        def measure(body: Mapping[str, Any]) -> tuple[int, Prompt]:
            return turn.pieces(body).total, counter().prompt(turn.dialect, body, turn.model)

        up, down = _ROOM
        gone: Sequence[tuple[int, int]] = self._planner.standing(history).gone
        fit = fitted(
            history,
            most,
            measure,
            target=most * up // down,
            texts=texts,
            gone=tuple(Exchange(*row) for row in gone),
            leans=arrived.leans,
            keep_tools=self._trim.keep_tools,
            model=turn.model,
        )
        rows = tuple((one.start, one.stop) for one in fit.gone)
        self._planner.keep(history, Batch(fit.texts, before - fit.tokens, 0, rows))
        return Sent(fit.body)
