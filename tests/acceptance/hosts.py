"""Two hosts on one machine: two network namespaces with a cable between them, each with a name of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

NEEDED = {"ip": "iproute2", "unshare": "util-linux", "mount": "util-linux"}
# Names of this host and of both, seen by nothing but the command that is run there.
ENTER = 'mount --bind "$1" /etc/hosts && echo "$2" > /proc/sys/kernel/hostname && shift 2 && exec "$@"'


def missing_programs() -> str | None:
    """What is not there, and which package has it."""
    absent = [f"`{name}` ({package})" for name, package in NEEDED.items() if shutil.which(name) is None]
    return f"two hosts as network namespaces need {', '.join(absent)}" if absent else None


def set_up(*command: str) -> None:
    """A step of the set-up; where the machine does not allow it the test is skipped, with the step and why."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode:
        why = done.stderr.strip() or f"exit code {done.returncode}"
        pytest.skip(f"two hosts as network namespaces: `{' '.join(command)}` is not allowed here: {why}")


class TwoHosts:
    """node1 (10.77.0.1) and node2 (10.77.0.2), which reach each other over one pair of interfaces and nothing else.

    `host(0).run(...)` starts a command there. Leaving the context removes namespaces and interfaces.
    """

    names = ("node1", "node2")

    def __init__(self, folder: Path) -> None:
        reason = missing_programs()
        if reason is not None:
            pytest.skip(reason)
        self.folder = folder
        self.spaces = [f"interlace-{os.getpid()}-{name}" for name in self.names]
        self.interfaces = [f"il{os.getpid() % 10**8}n{index}" for index in (1, 2)]

    def __enter__(self) -> "TwoHosts":
        try:
            self._set_up()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._remove()

    def _set_up(self) -> None:
        for space in self.spaces:
            set_up("ip", "netns", "add", space)
        first, second = self.interfaces
        set_up(
            "ip", "link", "add", first, "netns", self.spaces[0], "type", "veth",
            "peer", "name", second, "netns", self.spaces[1],
        )  # fmt: skip
        for index, (space, interface) in enumerate(zip(self.spaces, self.interfaces, strict=True), start=1):
            set_up("ip", "-n", space, "addr", "add", f"10.77.0.{index}/24", "dev", interface)
            set_up("ip", "-n", space, "link", "set", interface, "up")
            set_up("ip", "-n", space, "link", "set", "lo", "up")
        addresses = "".join(f"10.77.0.{index} {name}\n" for index, name in enumerate(self.names, start=1))
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost\n{addresses}")
        for index in range(2):
            set_up(*self._entering(index), "true")

    def _remove(self) -> None:
        for space in self.spaces:
            subprocess.run(["ip", "netns", "del", space], capture_output=True, timeout=30)

    def _entering(self, index: int) -> list[str]:
        return [
            "ip", "netns", "exec", self.spaces[index], "unshare", "--mount", "--uts",
            "sh", "-c", ENTER, "sh", str(self.folder / "hosts"), self.names[index],
        ]  # fmt: skip

    def start(self, index: int, command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
        """A command on a host, its gloo on the interface of that host."""
        return subprocess.Popen(
            [*self._entering(index), *command],
            env={**environment, "GLOO_SOCKET_IFNAME": self.interfaces[index]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sent(self, index: int) -> int:
        """Bytes that have left a host by its interface."""
        shown = subprocess.run(
            ["ip", "-n", self.spaces[index], "-s", "-j", "link", "show", self.interfaces[index]],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(json.loads(shown.stdout)[0]["stats64"]["tx"]["bytes"])
