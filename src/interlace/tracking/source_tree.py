"""The source tree of a run: the commit, and a patch of uncommitted changes."""

import hashlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from interlace.configuration.locations import cache_dir, outputs_dir
from interlace.tracking.secret_files import SOURCE, secret_content, secret_name

PATCH = "diff.patch"
# Limits of the patch in a run's directory; files beyond them are named in the patch.
MAX_FILE_BYTES = 2**20
MAX_TOTAL_BYTES = 4 * 2**20
MAX_FILES = 200
SOURCE_NAMES = frozenset({"Makefile", "Dockerfile"})
# Options that override a user's settings, so that `git apply` accepts the patch anywhere.
PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--binary", "--full-index",
         "--src-prefix=a/", "--dst-prefix=b/")  # fmt: skip


@dataclass(frozen=True)
class SourceTree:
    """A checkout: `git apply PATCH` in a checkout of `commit` restores its files, except `left_out` (with reasons).

    `patch` is empty without uncommitted changes; ignored files are not included. Where the package is a folder of a
    larger repository, the patch covers that folder and is applied with `--directory=FOLDER`.
    """

    commit: str
    branch: str
    patch: bytes = field(repr=False)
    left_out: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """The entry of manifest.json; "patch" is a hash, null for an empty patch."""
        return {
            "commit": self.commit,
            "branch": self.branch,
            "dirty": bool(self.patch),
            "patch": hashlib.sha256(self.patch).hexdigest()[:12] if self.patch else None,
            "left_out": list(self.left_out),
        }


@cache
def own_tree() -> SourceTree | None:
    """The checkout of this package at the first call in this process; None outside a checkout."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "pyproject.toml").exists():
        return None
    return read_tree(root, leave=[outputs_dir().resolve(), cache_dir().resolve()])


def read_tree(root: Path, leave: Sequence[Path] = ()) -> SourceTree | None:
    """The checkout at `root`; None without a commit. Folders in `leave` are ignored.

    The patch has what a run can depend on: changes of tracked files, and untracked files with a suffix of source code.
    Left out and named are files beyond the limits, unreadable files, submodules, and files that may hold a secret by
    their name or by the part in the patch, since run directories are shared and bundled.
    """
    commit = _text(root, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _names(root, "diff", "--name-only", "-z", "--no-renames", "--relative", "HEAD")
    untracked = _names(root, "ls-files", "--others", "--exclude-standard", "-z")
    reasons, kept = _bounded(root, changed, untracked, leave)
    patch = b""
    for name in kept:
        against = ("--no-index", "--", os.devnull) if name in untracked else ("--relative", "HEAD", "--")
        part = _git(root, "diff", *PLAIN, *against, name, ok=(0, 1))
        if part is None:
            reasons[name] = "git diff failed"
        elif (secret := secret_content(part, name) or _secret_in(root / name)) is not None:
            reasons[name] = secret
        else:
            patch += part
    left_out = tuple(f"{name} ({reason})" for name, reason in reasons.items())
    if left_out:
        note = "".join(f"# left out: {each}\n" for each in left_out)
        patch = f"# Files that were changed or untracked and are not in this patch:\n{note}".encode() + patch
    return SourceTree(commit, _text(root, "rev-parse", "--abbrev-ref", "HEAD") or "HEAD", patch, left_out)


def _bounded(
    root: Path, changed: Sequence[str], untracked: Sequence[str], leave: Sequence[Path]
) -> tuple[dict[str, str], list[str]]:
    """The reasons for files that are left out, by name, and the files that are included."""
    reasons: dict[str, str] = {}
    kept: list[str] = []
    total = 0
    for name in [*changed, *untracked]:
        path = root / name
        if any(path.absolute().is_relative_to(folder) for folder in leave):
            continue
        size = 0 if path.is_symlink() or not path.exists() else path.stat().st_size
        reason = secret_name(name, tracked=name not in untracked) or _reason(path, size, total, len(kept))
        if reason is None and name in untracked and path.suffix.lower() not in SOURCE and path.name not in SOURCE_NAMES:
            reason = "untracked, and not source code by its suffix"
        if reason is None:
            kept.append(name)
            total += size
        else:
            reasons[name] = reason
    return reasons, kept


def _secret_in(path: Path) -> str | None:
    """Check the file itself, as git encodes the difference of a binary file."""
    return secret_content(path.read_bytes(), path.name) if path.is_file() and not path.is_symlink() else None


def _reason(path: Path, size: int, total: int, number: int) -> str | None:
    """The reason why a file is left out; None for one that is included."""
    if path.is_dir() and not path.is_symlink():
        return "a separate repository"
    if path.exists() and not path.is_symlink() and not os.access(path, os.R_OK):
        return "cannot be read"
    if size > MAX_FILE_BYTES:
        return f"{size:,} bytes, more than the {MAX_FILE_BYTES:,} kept of a file"
    if total + size > MAX_TOTAL_BYTES:
        return f"{size:,} bytes, which makes more than the {MAX_TOTAL_BYTES:,} kept in all"
    return f"more than {MAX_FILES} files" if number >= MAX_FILES else None


def _names(root: Path, *arguments: str) -> list[str]:
    return list(_split(_git(root, *arguments) or b""))


def _split(listed: bytes) -> Iterator[str]:
    for name in listed.split(b"\0"):
        if name:
            yield os.fsdecode(name)


def _text(root: Path, *arguments: str) -> str | None:
    found = _git(root, *arguments)
    return None if found is None else found.decode(errors="replace").strip()


def _git(root: Path, *arguments: str, ok: tuple[int, ...] = (0,)) -> bytes | None:
    """The output of a git command; None when git is absent or fails."""
    command = ["git", "-c", "core.quotepath=off", "--literal-pathspecs", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode in ok else None
