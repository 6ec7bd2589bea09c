"""Run one command and write its time and memory: `python launcher.py RESULT.json COMMAND...`.

It is started by a benchmark in place of the command and imports as little as possible: on Linux a started program
inherits the peak memory of its parent, so that a small command started by a large program would report the larger peak.
"""

import json
import os
import subprocess
import sys
import time


def main() -> int:
    """Run the command with this process's streams and return its exit code, 127 if it cannot be started."""
    result, *command = sys.argv[1:]
    start = time.perf_counter()
    try:
        process = subprocess.Popen(command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    _, status, usage = os.wait4(process.pid, 0)
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    measured = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory_mb": usage.ru_maxrss * unit / 2**20,
    }
    with open(result, "w", encoding="utf-8") as stream:
        json.dump(measured, stream)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
