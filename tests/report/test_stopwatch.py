"""A quick report says nothing; a slow one what was slow, the longest first."""

from interlace.report.stopwatch import MIN_SECONDS, Stopwatch


def test_only_what_is_long_is_told(monkeypatch):
    clock = iter([0.0, 30.0, 30.0, 30.5, 31.0, 43.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    watch = Stopwatch()
    for name in ("figures", "page", "figures"):
        with watch.stage(name):
            pass
    assert watch.words == "42 s: 42 s figures"
    watch.seconds = {"figures": 10.0, "reading": 30.0}
    assert watch.words == "40 s: 30 s reading, 10 s figures"
    watch.seconds = {"figures": MIN_SECONDS - 1}
    assert watch.words == ""
