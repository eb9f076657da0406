"""Histograms that remember where the measurements of the same attributes go.

Cleaning, sorting and hashing the attributes of each measurement is most of what ``Histogram.record`` costs in the SDK
1.45, and a call has six, with the attributes of the call before. So of that SDK the streams of a measurement are found
once, by its own functions, and each further measurement with the same attributes is handed to them as
``consume_measurement`` would. Another release of the SDK may do otherwise, and gets each measurement by ``record``; so
does any provider that is not the SDK's.
"""

from __future__ import annotations

import math
from time import time_ns
from typing import Any, NamedTuple

from opentelemetry.context import Context, get_current
from opentelemetry.metrics import Histogram

_KNOWN_SDK = "1.45."
_MOST = 500
"""Sets of attributes that are remembered for one histogram."""

Attributes = dict[str, Any]


class _Route(NamedTuple):
    """Where measurements with some attributes go."""

    readers: Any
    """The consumer's storages: a new mapping once a reader comes or goes."""
    attributes: Attributes
    """As the SDK cleans them."""
    streams: list[tuple[Any, Any, Attributes]]
    """Each stream, the key of its aggregation, and the attributes that its view keeps."""


class Prepared:
    """A histogram of a known SDK."""

    __slots__ = ("_consumer", "_hash", "_histogram", "_measurement", "_routes")

    def __init__(self, histogram: Any) -> None:
        from opentelemetry.sdk.metrics._internal import _view_instrument_match, measurement

        self._histogram = histogram
        self._consumer = histogram._measurement_consumer
        self._measurement: Any = measurement.Measurement
        self._hash = _view_instrument_match._hash_attributes  # pyright: ignore[reportPrivateUsage]
        self._routes: dict[tuple[Any, ...], _Route] = {}

    def record(self, value: float, attributes: Attributes, context: Context | None) -> None:
        """Record a value, as the histogram itself would."""
        histogram, consumer = self._histogram, self._consumer
        if not histogram._is_enabled() or not math.isfinite(value) or value < 0:
            histogram.record(value, attributes, context)
            return
        values = attributes.values()
        key = (*attributes, *values, *map(type, values))  # 1, 1.0 and True are equal, and three series
        route = self._routes.get(key)
        if route is None or route.readers is not consumer._reader_storages:
            route = self._route(key, attributes)
        at, context = time_ns(), context or get_current()
        measurement = self._measurement(value, at, histogram, context)  # without what it would clean again
        object.__setattr__(measurement, "attributes", route.attributes)
        sampled = consumer._sdk_config.exemplar_filter.should_sample(value, at, route.attributes, context)
        for stream, hashed, kept in route.streams:
            if stream._reset_on_collect:
                with stream._lock:
                    stream._get_or_create_aggregation(hashed, {**kept}).aggregate(measurement, sampled)
                continue
            aggregation = stream._attributes_aggregation.get(hashed)
            if aggregation is None:
                with stream._lock:
                    aggregation = stream._get_or_create_aggregation(hashed, {**kept})
            aggregation.aggregate(measurement, sampled)

    def _route(self, key: tuple[Any, ...], attributes: Attributes) -> _Route:
        cleaned = self._measurement(0, 0, self._histogram, get_current(), attributes).attributes
        readers = self._consumer._reader_storages
        streams: list[tuple[Any, Any, Attributes]] = []
        for storage in readers.values():
            for stream in storage._get_or_init_view_instrument_match(self._histogram):
                wanted = stream._view._attribute_keys
                kept = {name: value for name, value in cleaned.items() if wanted is None or name in wanted}
                streams.append((stream, self._hash(kept), kept))
        if len(self._routes) >= _MOST:
            self._routes = {}
        route = self._routes[key] = _Route(readers, cleaned, streams)
        return route


def prepared(histogram: Histogram) -> Histogram | Prepared:
    """The same histogram, recorded to more quickly where its SDK is known."""
    if not type(histogram).__module__.startswith("opentelemetry.sdk.metrics."):
        return histogram
    from opentelemetry.sdk.metrics._internal.measurement_consumer import SynchronousMeasurementConsumer
    from opentelemetry.sdk.version import __version__

    consumer = getattr(histogram, "_measurement_consumer", None)
    known = __version__.startswith(_KNOWN_SDK) and type(consumer) is SynchronousMeasurementConsumer
    return Prepared(histogram) if known else histogram
