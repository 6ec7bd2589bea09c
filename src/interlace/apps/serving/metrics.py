"""Figures of a server in the text format of Prometheus (version 0.0.4)."""

import threading
from collections import Counter

BOUNDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # seconds


class Metrics:
    """Counts of requests by route and status, their seconds, and the batches of each model; safe among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[tuple[str, float]] = Counter()
        self._sums: Counter[str] = Counter()
        self._batches: Counter[str] = Counter()
        self._questions: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        with self._lock:
            self._requests[route, status] += 1
            self._sums[route] += seconds  # type: ignore[assignment]
            for bound in (*(each for each in BOUNDS if seconds <= each), float("inf")):
                self._seconds[route, bound] += 1

    def batched(self, model: str, questions: int) -> None:
        """Count a batch that a model answered."""
        with self._lock:
            self._batches[model] += 1
            self._questions[model] += questions

    def dropped(self, model: str) -> None:
        """Count a request whose client left before a model began its answer."""
        with self._lock:
            self._dropped[model] += 1

    def text(self, waiting: dict[str, int]) -> str:
        """All figures, with the number of requests that wait for each model."""
        with self._lock:
            lines = _family("interlace_requests_total", "counter", "Requests by route and status.")
            lines += [
                f'interlace_requests_total{{route="{route}",status="{status}"}} {count}'
                for (route, status), count in sorted(self._requests.items())
            ]
            lines += _family("interlace_request_seconds", "histogram", "Seconds from the headers to the last byte.")
            for route in sorted(self._sums):
                for bound in (*BOUNDS, float("inf")):
                    edge = "+Inf" if bound == float("inf") else f"{bound:g}"
                    count = self._seconds[route, bound]
                    lines.append(f'interlace_request_seconds_bucket{{route="{route}",le="{edge}"}} {count}')
                lines.append(f'interlace_request_seconds_sum{{route="{route}"}} {self._sums[route]:.6f}')
                total = self._seconds[route, float("inf")]
                lines.append(f'interlace_request_seconds_count{{route="{route}"}} {total}')
            for name, told, counts in (
                ("batches", "Batches that a model answered.", self._batches),
                ("questions", "Questions in these batches.", self._questions),
                ("dropped", "Requests whose clients left while they waited.", self._dropped),
            ):
                lines += _family(f"interlace_{name}_total", "counter", told)
                lines += [f'interlace_{name}_total{{model="{_escaped(m)}"}} {n}' for m, n in sorted(counts.items())]
        lines += _family("interlace_waiting", "gauge", "Requests that wait for a model.")
        lines += [f'interlace_waiting{{model="{_escaped(model)}"}} {count}' for model, count in waiting.items()]
        return "\n".join(lines) + "\n"


def _family(name: str, kind: str, told: str) -> list[str]:
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
