"""What stands at the head of the page: the totals, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.report._say import amount, duration, moment, money, several, share
from tokeneff.report._values import Latency, Report, Sums
from tokeneff.report.html._markup import Child, Markup, tag


def title(report: Report) -> Markup:
    """Whose report this is, and of when."""
    said = [report.source]
    if report.first is not None and report.last is not None:
        said.append(f"{moment(report.first)} – {moment(report.last)}")
    if report.since is not None:
        said.append(f"calls since {moment(report.since)}")
    said.append(f"made {moment(report.now)}")
    toggle = tag("button", "Dark", type="button", id="theme", hidden=True, aria_label="Switch between light and dark")
    return tag("header", tag("h1", "tokeneff report"), tag("p", " · ".join(said), class_="soft"), toggle, class_="top")


def head(report: Report) -> Markup:
    """The totals."""
    figures = (
        tag("div", tag("dt", name), tag("dd", tag("b", figure), tag("small", beneath) if beneath else None))
        for name, figure, beneath in _figures(report)
    )
    return tag(
        "div",
        tag("div", _spent(report.total), class_="spent"),
        tag("dl", figures, class_="figures"),
        tag("div", _sources(report), class_="sources"),
        class_="head",
    )


def spend(sums: Sums) -> Child:
    """What is known of a cost: where some calls have none, the least that it can be."""
    if sums.unpriced == 0:
        return money(sums.cost)
    if sums.unpriced == sums.calls:
        return _unknown()
    hint = f"{several(sums.unpriced, 'call')} of unknown cost not included"
    return tag("span", f"≥ {money(sums.cost)}", title=hint)


def tokens(sums: Sums, count: int) -> Child:
    """A count of tokens; ``~`` where part of it is an estimate, ``≥`` where calls are missing from it."""
    if sums.calls and sums.unknown == sums.calls:
        return _unknown()
    mark = "≥ " if sums.unknown else "~" if sums.estimated else ""
    return tag("span", mark + amount(count), title=f"{count:,} tokens")


def _unknown() -> Markup:
    return tag("span", "unknown", class_="unknown")


def _spent(total: Sums) -> Iterator[Markup]:
    known = total.calls - total.unpriced
    figure = money(total.cost) if known or not total.calls else "unknown"
    yield tag("p", "Spent", tag("b", figure))
    if total.unpriced:
        text = f"and {several(total.unpriced, 'call')} whose cost is unknown" if known else "no price is known"
        yield tag("p", text, class_="bad")
    kinds = {
        "input": total.cost_input,
        "cache reads": total.cost_cache_read,
        "cache writes": total.cost_cache_write,
        "output": total.cost_output,
    }
    if known:
        yield tag("p", " · ".join(f"{name} {money(cost)}" for name, cost in kinds.items() if cost), class_="soft")


def _figures(report: Report) -> Iterator[tuple[str, Child, str]]:
    total = report.total
    yield "Calls", f"{total.calls:,}", _endings(total)
    yield "Sessions", f"{report.sessions_count:,}", ""
    yield "Input tokens", tokens(total, total.input_tokens), _written(total)
    yield "Output tokens", tokens(total, total.output_tokens), f"{amount(total.reasoning)} of them reasoning"
    read = total.cache_share
    yield "Read from the cache", _unknown() if read is None else share(read), f"{amount(total.cache_read)} tokens"
    lost = _unknown() if total.lost and total.unpriced == total.calls else money(total.lost_cost)
    yield "Broken prefixes cost", lost, f"{amount(total.lost)} tokens sent again"
    yield "Median duration", *_percentiles(report.latency)
    if report.first_chunk.calls:
        figure, beneath = _percentiles(report.first_chunk)
        speed = total.tokens_per_second
        yield "Median first chunk", figure, beneath if speed is None else f"{beneath}; then {speed:,.0f} tokens/s"


def _written(total: Sums) -> str:
    return f"{amount(total.cache_write)} written to the cache" if total.cache_write else ""


def _endings(total: Sums) -> str:
    said = [f"{total.failed:,} failed"]
    if total.cut:
        said.append(f"{total.cut:,} broken off")
    said.append(several(total.retries, "retry", "retries"))
    return ", ".join(said)


def _percentiles(latency: Latency) -> tuple[Child, str]:
    if latency.p50 is None or latency.p90 is None or latency.p99 is None:
        return _unknown(), ""
    return duration(latency.p50), f"p90 {duration(latency.p90)}, p99 {duration(latency.p99)}"


def _sources(report: Report) -> Iterator[Markup]:
    total, series = report.total, report.series
    counts = (
        ("by the provider", total.provider, "sure"),
        ("our estimate", total.estimated, "weak"),
        ("unknown", total.unknown, "none-known"),
    )
    yield _source("Where token counts come from, by calls", counts)
    known = {} if series is None else {name: calls for name, (calls, _) in series.confidence.items()}
    if sum(known.values()) == total.calls:
        prices = tuple((said, known.get(name, 0), tone) for name, said, tone in _CONFIDENCE)
    else:
        prices = (("a known price", total.calls - total.unpriced, "sure"), ("unknown", total.unpriced, "none-known"))
    yield _source("Where costs come from, by calls", prices)


_CONFIDENCE = (
    ("listed", "listed price", "sure"),
    ("assumed", "the same model's price elsewhere", "fair"),
    ("estimated", "of estimated tokens", "weak"),
    ("unknown", "unknown", "none-known"),
)


def _source(name: str, shares: tuple[tuple[str, int, str], ...]) -> Markup:
    """A bar in as many parts as there are sources, and what they are."""
    whole = sum(number for _, number, _ in shares) or 1
    place, bars, said = 0.0, list[Markup](), list[Markup]()
    for source, number, tone in shares:
        if number:
            wide = 100 * number / whole
            bars.append(tag("rect", x=f"{place:.2f}%", width=f"{wide:.2f}%", height="8", class_=tone))
            place += wide
        elif source != "unknown":
            continue
        swatch = tag("i", class_=f"swatch {tone}")
        said.append(tag("li", swatch, f"{source} {number:,}" + (f" ({share(number / whole)})" if number else "")))
    return tag("div", tag("h3", name), tag("svg", bars, height=8, aria_hidden="true"), tag("ul", said))
