"""Every block of every page runs, in order, in a folder of its own."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import yaml

from interlace.configuration.compose import compose
from tests.documentation.blocks import ROOT, Block, blocks, pages
from tests.readme import commands_of_block
from tests.test_readme import bound

LIMIT = 240  # seconds of one block
PORT = 8000  # of a page's server; a test's is free
PAGES = pages()


@pytest.mark.parametrize("page", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_blocks_run(page, tmp_path, environment):
    folder = tmp_path / "work"
    folder.mkdir()
    with ExitStack() as servers:
        run_blocks(page, folder, environment, servers)


def run_blocks(page, folder, environment, servers: ExitStack) -> None:
    """Runs the blocks of a page; what serves ends with `servers`."""
    port = None
    for block in blocks(page.read_text(encoding="utf-8")):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if port is not None:
            block.text = block.text.replace(f":{PORT}", f":{port}")
        if block.reason is not None:
            check_without_running(block)
        elif block.server:
            port = servers.enter_context(serving(block, where, folder, environment))
        elif block.file is not None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language in ("bash", "python"):
            execute(block, where, folder, environment)
        elif block.language == "yaml":
            assert yaml.safe_load(block.text) is not None, where
        elif block.language == "json":
            assert [json.loads(line) for line in block.text.splitlines() if line.strip()], where


@contextmanager
def serving(block: Block, where: str, folder, environment) -> Iterator[str]:
    """The port of the server that a block starts; at the end Ctrl+C has to stop it without an error."""
    with (folder.parent / "served.txt").open("w") as errors:
        process = subprocess.Popen(
            ["bash", "-euc", block.text], cwd=folder, env=environment, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
        )  # fmt: skip
        told = []
        for line in process.stdout:
            told.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise AssertionError(f"{where}\n{block.text}\n{told}\n{Path(errors.name).read_text()[-3000:]}")
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(f"{found[0]}/", timeout=LIMIT):
            pass  # it answers, if only that it has no such page
        try:
            yield found[1]
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=LIMIT)
    assert process.returncode == 0, f"{where}\n{Path(errors.name).read_text()[-3000:]}"


def execute(block: Block, where: str, folder, environment) -> None:
    """Runs a block in bash (any failing command of it fails it) or Python; what it printed is in the message."""
    program = ["bash", "-euo", "pipefail", "-c"] if block.language == "bash" else [sys.executable, "-c"]
    begin = time.monotonic()
    done = subprocess.run(
        [*program, block.text], cwd=folder, env={**environment, "PAGE_OVERRIDES": " ".join(block.small)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    print(f"{where}: {time.monotonic() - begin:.1f} s")
    assert done.returncode == 0, f"{where}\n{block.text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def check_without_running(block: Block) -> None:
    """Each command of a block binds to a verb with its options, and the overrides of `train` compose."""
    assert len(block.reason.split()) > 2, f"line {block.line}: why is this block not run?"
    if block.language != "bash":
        return
    for words in commands_of_block(block.text):
        if words[0] != "interlace":
            continue
        assert bound(words[1:]) in words, shlex.join(words)
        overrides = [word for word in words[2:] if "=" in word and not word.startswith("--")]
        if words[1] == "train" and not any("RUN_DIR" in word or "my/" in word for word in overrides):
            compose(overrides)


def test_pages_are_found():
    found = {path.relative_to(ROOT).as_posix(): blocks(path.read_text(encoding="utf-8")) for path in PAGES}
    assert len(found) > 10
    assert sum(len(each) for each in found.values()) > 40
    ran = [block for each in found.values() for block in each if block.reason is None and block.language == "bash"]
    assert len(ran) > 25
    left_out = [block for each in found.values() for block in each if block.reason is not None]
    assert len(left_out) < len(ran) / 2


@pytest.mark.parametrize(
    ("text", "message"),
    [("```\nls\n```\n", "language"), ("```ruby\nputs\n```\n", "ruby"), ("<!-- test: skip it -->\n", "expected small")],
)
def test_a_block_that_would_not_be_run_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        blocks(text)


@pytest.mark.parametrize("text", ["false | true", "ls missing; true", "interlace trian", "raise SystemExit(3)"])
def test_a_block_that_fails_is_found(text, tmp_path, environment):
    language = "python" if text.startswith("raise") else "bash"
    with pytest.raises(AssertionError):
        execute(Block(1, language, text), "page:1", tmp_path, environment)


def test_a_checked_block_is_bound():
    with pytest.raises(Exception, match="No such"):
        check_without_running(Block(1, "bash", "interlace launch slurm demo --gpuss 1\n", reason="it needs a cluster"))
