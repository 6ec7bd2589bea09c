"""Which signals stop a run."""

import signal

from interlace.tracking.processes import stop_signals


def test_a_lost_terminal_stops_a_run_but_under_nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        assert set(stop_signals()) == {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP}
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert signal.SIGHUP not in stop_signals()
    finally:
        signal.signal(signal.SIGHUP, before)
