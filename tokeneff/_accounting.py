"""The account of every call, and its row in the ledger: the policy right below telemetry."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, cast

from tokeneff._flow import Call, Effect, Outcome, forward
from tokeneff._log import log_once
from tokeneff._plain import COMMON, absent
from tokeneff.accounts import Account, Asked
from tokeneff.prices import Cost

if TYPE_CHECKING:
    from tokeneff.accounts._accounts import Accounts
    from tokeneff.adapters._hosts import Site
    from tokeneff.ledger import Ledger

_FREE = Account(Cost(0, 0, 0, 0, 0, "cache", "", "listed"))
"""Of a call that was answered from the cache."""


class Accounting:
    """Keeps the accounts of one wrapping.

    Args:
        accounts: makes the accounts of this wrapping, when the first one is wanted.
        ledger: where each settled call is recorded, or ``None``.
        observed: whether anybody looks at accounts beside the ledger.
        mask: what messages pass before a ledger that keeps content keeps them.
        trims: whether what is sent may be less than what the caller wrote: an account is of what was sent.
    """

    def __init__(
        self,
        accounts: Callable[[], Accounts],
        ledger: Ledger | None,
        observed: Callable[[], bool],
        mask: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        *,
        trims: bool = False,
    ) -> None:
        self._make = accounts
        self._trims = trims
        self._accounts: Accounts | None = None
        self._ledger = ledger
        self._building: Any = None
        self._observed = observed
        self._keep = mask if ledger is not None and ledger.content else None

    def policy(self, call: Call) -> Generator[Effect, Any, Outcome]:
        """Count the request as it leaves, settle its account when the call is over, and put both on record."""
        ledger = self._ledger
        if ledger is None and not (call.endpoint.model and self._observed()):
            return (yield from forward(call))
        began = time.time()
        site = call.family.site(call.client)
        opened = self._open(call, site, began) if call.endpoint.model and not self._trims else None
        outcome = yield from forward(call)
        if call.endpoint.model and self._trims:
            # What was left out is known only now. What is learnt of counts, and which prefix was repeated, is of the
            # request that the provider has seen.
            opened = self._open(_as_sent(call, outcome), site, began)
        if outcome.served is not None and outcome.served.saved is not None:
            account = _FREE  # of no session either: its provider has seen nothing
        else:
            account = self._close(opened, outcome) if opened is not None else None
        if account is not None:
            outcome = outcome._replace(account=account)
        if ledger is not None:
            self._record(ledger, call, outcome, site, began)
        return outcome

    def _record(self, ledger: Ledger, call: Call, outcome: Outcome, site: Site, began: float) -> None:
        try:
            building = self._building
            if building is None:
                from tokeneff.ledger import _building

                building = self._building = _building
            ledger.add(building.record_of(call, outcome, outcome.account, site, began, keep_content=self._keep))
        except Exception as fault:  # noqa: BLE001 - the ledger's fault is not the call's
            log_once(("ledger", type(fault)), "a call could not be put on record", exc_info=fault)

    def _open(self, call: Call, site: Site, at: float) -> Any:
        try:
            accounts = self._accounts
            if accounts is None:
                accounts = self._accounts = self._make()
            return accounts.open(asked(call, site, at))
        except Exception as fault:  # noqa: BLE001 - the call goes on without an account
            log_once(("account opened", type(fault)), "the account of a call could not be opened", exc_info=fault)
            return None

    def _close(self, opened: Any, outcome: Outcome) -> Account | None:
        try:
            accounts = cast("Accounts", self._accounts)
            return accounts.close(opened, outcome.tokens, outcome.facts, time.time())
        except Exception as fault:  # noqa: BLE001 - as above
            log_once(("account settled", type(fault)), "the account of a call could not be settled", exc_info=fault)
            return None


def _as_sent(call: Call, outcome: Outcome) -> Call:
    if outcome.sent is None or outcome.trimmed is None or outcome.trimmed.said != "trimmed":
        return call
    options = copy.copy(call.options)
    options.json_data, options.extra_json = outcome.sent, None
    return call.with_(options=options)


def asked(call: Call, site: Site, at: float) -> Asked:
    """What a live call asks for."""
    # Some SDKs carry each argument that was not given, and nothing here would look at those.
    body: Mapping[str, Any] = {
        key: value for key, value in call.body.items() if type(value) in COMMON or not absent(value)
    }
    extra = call.options.extra_json
    if extra and isinstance(extra, Mapping):
        body = {**body, **cast("Mapping[str, Any]", extra)}
    model = body.get("model")
    session = call.tags.get("session")
    if session is None:
        session = _conversation(body)
    return Asked(
        call.endpoint.dialect,
        body,
        model if isinstance(model, str) else "",
        site.provider,
        site.host,
        None if session is None else str(session),
        at,
    )


def _conversation(body: Mapping[str, Any]) -> str | None:
    """The id of a conversation that the provider keeps, if the request names one."""
    named = body.get("conversation")
    if isinstance(named, Mapping):
        named = cast("Mapping[str, Any]", named).get("id")
    return named if isinstance(named, str) else None
