"""Where an advice's numbers come from, in words."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.advise._asked import Asked, Told
from tokeneff.advise._weighing import Weighing
from tokeneff.logs._values import Skipped
from tokeneff.report._say import amount, money, several, share


def notes(asked: Asked, weighing: Weighing, told: Told, skipped: Skipped) -> Iterator[str]:
    """One sentence each."""
    if weighing.conversations:
        yield from _counts(asked, weighing)
        yield from _means(weighing, told)
    yield from _left_out(weighing, told, skipped)


def _counts(asked: Asked, weighing: Weighing) -> Iterator[str]:
    checks, requests = weighing.checks, sum(weighing.models.values())
    error = f" (expected error {share(sum(weighing.errors) / len(weighing.errors))})" if weighing.errors else ""
    if asked.model is not None:
        yield (
            f"tokens: counted for {asked.model} by our estimate{error}; recorded bills are of other models, so all "
            "dollars are simulated. Replies have the tokens that were recorded"
        )
        return
    if not checks.requests:
        yield f"tokens: our estimate{error}, for the recording has no counts; all dollars are simulated"
        return
    rest = requests - checks.requests
    estimated = f"; our estimate{error} and simulated dollars for {several(rest, 'request')}" if rest else ""
    yield f"tokens and dollars as recorded: the provider's counts of {several(checks.requests, 'request')}{estimated}"
    if checks.recorded:
        off = checks.simulated / checks.recorded - 1
        yield (
            f"the simulator of prompt caches on these requests: input for {money(checks.simulated)}, recorded "
            f"{money(checks.recorded)} ({off:+.1%}); {amount(checks.cached_simulated)} tokens read from the cache, "
            f"recorded {amount(checks.cached_told)}{_apart(checks.cached_simulated, checks.cached_told)}. The other "
            "rows are the recorded bill of each conversation, changed in the proportion that is simulated"
        )


def _apart(simulated: int, told: int) -> str:
    return f" ({simulated / told - 1:+.1%})" if told else ""


def _means(weighing: Weighing, told: Told) -> Iterator[str]:
    yield (
        "each conversation is simulated alone: what several begin with is not taken to be cached by another; recorded "
        "replies stay as they were, so a model that misses something and asks again would cost more"
    )
    yield (
        'not simulated, for it takes a model or a provider: Trim(summarise=…), Trim(via="provider"), '
        "Trim(recall=True), Trim(output=…), Cache(semantic=…)"
    )
    if told.fitted:
        yield (
            f"{several(told.fitted, 'conversation')}: their provider promises nothing of its cache, so each is "
            "simulated with the share that was read of what could have been, by its own counts"
        )
    if told.uncached:
        yield (
            f"{several(told.uncached, 'conversation')}: no token was read from a cache by the provider's counts, so "
            "none is simulated"
        )
    if weighing.shown < weighing.conversations:
        yield (
            f"{several(weighing.conversations - weighing.shown, 'conversation')}: only counts and digests are kept, no "
            "text, so prompt caches and repeated requests can be simulated and trimming cannot; a ledger that keeps "
            "content (tokeneff.Ledger(url, content=True)) or recorded requests can"
        )
    if told.keyed:
        yield (
            "prompt cache: OpenAI caches by itself; Cache(prompt=True) adds a key by which its requests are routed, "
            "whose effect no recording shows: it is not simulated"
        )
    if told.own:
        yield (
            f"prompt cache: the client of {several(told.own, 'conversation')} sets breakpoints itself, which "
            "Cache(prompt=True) leaves as they are"
        )
    if not any(tally.answered for tally in weighing.tallies):
        yield "response cache: no request equals an earlier one"
    if weighing.repeats.full:
        yield "response cache: more requests than are remembered; later ones were not looked for"


def _left_out(weighing: Weighing, told: Told, skipped: Skipped) -> Iterator[str]:
    for policy, calls in told.decided.most_common():
        if policy in ("cache", "prompt cache", "trim"):
            yield f"as recorded has in it what the {policy} policy did with {several(calls, 'call')}"
    if told.failed:
        yield f"left out: {several(told.failed, 'call')} without a chat model's reply"
    for model, requests in told.unpriced.most_common(3):
        yield f"left out: {several(requests, 'request')} to {model}, for which there is no price"
    for reason, number in sorted(skipped.counts.items(), key=lambda item: -item[1]):
        yield f"not used: {reason} ({number:,}, as {', '.join(skipped.examples[reason])})"
