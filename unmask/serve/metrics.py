"""What happened, in numbers: counted as it happens, put into Prometheus' words when asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client.core import Metric

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
EDGES = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper edges, seconds, of the histogram of how long analyses take."""


class Tally:
    """Counts of a running server."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._took = [0] * (len(EDGES) + 1)
        self._seconds = 0.0
        self._lost = 0

    def answered(self, method: str, status: int) -> None:
        """Count a request."""
        self._requests[method, status] += 1

    def ended(self, seconds: float) -> None:
        """Count an analysis that a worker finished in so many seconds."""
        self._took[sum(seconds > edge for edge in EDGES)] += 1
        self._seconds += seconds

    def lost(self) -> None:
        """Count a worker that died in the middle of its work."""
        self._lost += 1

    @property
    def mean(self) -> float:
        """Seconds that an analysis took on average; 1 as long as nobody knows."""
        ended = sum(self._took)
        return self._seconds / ended if ended else 1.0

    def exposition(self, states: Mapping[str, int], workers: int) -> bytes:
        """Everything in Prometheus' text format.

        Args:
            states: Analyses by state.
            workers: Processes that live.
        """
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Once(self._metrics(states, workers)))
        return generate_latest(registry)

    def _metrics(self, states: Mapping[str, int], workers: int) -> Iterator[Metric]:
        from prometheus_client import core

        requests = core.CounterMetricFamily(
            "unmask_requests", "Requests answered.", labels=["method", "status"]
        )
        for (method, status), count in self._requests.items():
            requests.add_metric([method, str(status)], count)
        yield requests
        analyses = core.GaugeMetricFamily("unmask_analyses", "Analyses kept.", labels=["state"])
        for state, count in states.items():
            analyses.add_metric([state], count)
        yield analyses
        yield core.GaugeMetricFamily("unmask_queue_depth", "Waiting analyses.", states["queued"])
        yield core.GaugeMetricFamily("unmask_workers", "Worker processes.", workers)
        yield core.CounterMetricFamily(
            "unmask_workers_lost", "Workers that died over an analysis.", self._lost
        )
        yield core.HistogramMetricFamily(
            "unmask_analysis_seconds", "Seconds per analysis.", self._buckets(), self._seconds
        )

    def _buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper edge."""
        edges = [*(str(edge) for edge in EDGES), "+Inf"]
        return [(edge, sum(self._took[: i + 1])) for i, edge in enumerate(edges)]


class _Once:
    """A collector of metrics that were made already."""

    def __init__(self, metrics: Iterator[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Any]:
        """Give them."""
        return self._metrics
