"""Commands measured: time and memory of the right process, figures, failures."""

import os
import subprocess
import sys
import textwrap
import time

import pytest

from interlace.bench.measuring import CommandFailure, measure


def python(code: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code)]


def test_figures_are_the_last_that_were_reported():
    measured = measure(
        python(
            """
            from interlace.bench.measuring import reporting
            print("step 1")
            for value in (1.0, 2.5):
                with reporting() as figures:
                    figures["value"] = value
            print("done")
            """
        )
    )
    assert measured.figures == {"value": 2.5}


def test_time_is_that_of_the_command():
    measured = measure(python("import time; time.sleep(0.6)"))
    assert 0.6 <= measured.seconds < 5
    assert measured.cpu_seconds < 0.5, "sleeping costs no processor time"
    assert measured.figures == {}


def test_memory_is_that_of_the_command_and_not_of_who_started_it():
    held = b"x" * (300 << 20)  # resident here
    small = measure(python("pass"))
    large = measure(python("held = b'x' * (200 << 20)"))
    assert len(held) == 300 << 20
    assert small.peak_memory_mb < 100
    assert 200 < large.peak_memory_mb < 300


def test_memory_of_a_program_started_by_the_command_counts():
    inner = "held = b'x' * (200 << 20)"
    measured = measure(python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"))
    assert 200 < measured.peak_memory_mb < 300


def test_environment_is_added_to_ours(monkeypatch):
    monkeypatch.setenv("INTERLACE_TEST_KEPT", "kept")
    code = """
        import os
        from interlace.bench.measuring import reporting
        with reporting() as figures:
            figures.update(kept=os.environ["INTERLACE_TEST_KEPT"], threads=os.environ["OMP_NUM_THREADS"])
        """
    measured = measure(python(code), environment={"OMP_NUM_THREADS": "7"})
    assert measured.figures == {"kept": "kept", "threads": "7"}


def test_a_command_that_fails_says_why():
    with pytest.raises(CommandFailure, match="exit code 1: ValueError: no such thing"):
        measure(python("raise ValueError('no such thing')"))


def test_a_users_error_is_one_sentence():
    code = """
        from interlace.bench.measuring import reporting
        from interlace.errors import UserError
        with reporting():
            raise UserError("data.name: missing; give one")
        """
    with pytest.raises(CommandFailure) as caught:
        measure(python(code))
    assert str(caught.value) == "exit code 2: data.name: missing; give one"


def test_a_command_that_was_killed_says_by_which_signal():
    with pytest.raises(CommandFailure, match="exit code 137"):
        measure(python("import os; os.kill(os.getpid(), 9)"))


def test_a_command_that_does_not_exist():
    with pytest.raises(CommandFailure, match="exit code 127: /no/such/program: No such file"):
        measure(["/no/such/program"])


def test_a_command_that_takes_too_long_is_ended_with_what_it_started(tmp_path):
    inner = "import time; time.sleep(60)"
    code = f"""
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", {inner!r}])
        open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
        child.wait()
        """
    with pytest.raises(CommandFailure, match="not done after 3 seconds"):
        measure(python(code), timeout=3)
    pid = int((tmp_path / "pid").read_text())
    for _ in range(50):
        if not _alive(pid):
            break
        time.sleep(0.1)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")
