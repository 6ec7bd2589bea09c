"""A dirty tree is kept whole: `git apply` in a fresh checkout gives the same files."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from interlace.tracking import source_tree
from interlace.tracking.source_tree import own_tree, read_tree

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
BINARY = bytes(range(256)) * 3


def git(root: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(root), *settings, *arguments], check=True, capture_output=True)


def files(root: Path) -> dict[str, tuple[bytes, bool]]:
    """Content and the executable bit of everything but .git; a link's content is where it leads."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = (os.readlink(path).encode(), False)
        elif path.is_file() and not name.startswith(".git/"):
            found[name] = (path.read_bytes(), os.access(path, os.X_OK))
    return found


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    root.mkdir()
    git(root, "init", "-q", "-b", "trunk")
    (root / "src").mkdir()
    (root / "src" / "a.py").write_text("one\ntwo\nthree\n")
    (root / "src" / "gone.py").write_text("to be deleted\n")
    (root / "moved.txt").write_text("".join(f"line {i}\n" for i in range(50)))
    (root / "picture.bin").write_bytes(BINARY)
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / ".gitignore").write_text("ignored/\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


def restored(checkout: Path, tmp_path: Path, patch: bytes) -> Path:
    """A clone at the commit, with the patch applied."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(checkout), str(clone)], check=True, capture_output=True)
    (tmp_path / "diff.patch").write_bytes(patch)
    git(clone, "apply", str(tmp_path / "diff.patch"))
    return clone


def make_dirty(root: Path) -> None:
    (root / "src" / "a.py").write_text("one\n2\nthree\nno newline at the end")
    (root / "src" / "gone.py").unlink()
    git(root, "mv", "moved.txt", "src/moved.txt")
    (root / "picture.bin").write_bytes(BINARY[::-1])
    (root / "run.sh").chmod(0o755)
    (root / "new folder").mkdir()
    (root / "new folder" / "with spaces.py").write_text("x = 1\n")
    (root / "naïve – ü.txt").write_text("ü\n")
    (root / "new.bin").write_bytes(BINARY)
    (root / "empty.txt").touch()
    (root / "link").symlink_to("src/a.py")
    (root / "staged.txt").write_text("staged\n")
    git(root, "add", "staged.txt")
    (root / "staged.txt").write_text("staged, then changed\n")


def test_the_exact_tree_comes_back(checkout, tmp_path):
    make_dirty(checkout)
    (checkout / "ignored").mkdir()
    (checkout / "ignored" / "x").write_text("no part of it")
    git(checkout, "config", "diff.noprefix", "true")
    git(checkout, "config", "color.ui", "always")
    tree = read_tree(checkout)
    assert tree.branch == "trunk"
    assert not tree.left_out
    clone = restored(checkout, tmp_path, tree.patch)
    shutil.rmtree(checkout / "ignored")
    assert files(clone) == files(checkout)
    described = tree.described()
    assert described["dirty"] is True
    assert described["patch"] == hashlib.sha256(tree.patch).hexdigest()[:12]
    assert read_tree(checkout).patch == tree.patch, "the same tree has the same patch"


def test_a_clean_tree_has_no_patch(checkout):
    tree = read_tree(checkout)
    assert (tree.patch, tree.described()["patch"], tree.described()["dirty"]) == (b"", None, False)
    assert len(tree.commit) == 40


def test_what_is_too_large_is_named_and_the_rest_still_applies(checkout, tmp_path, monkeypatch):
    monkeypatch.setattr(source_tree, "MOST_OF_A_FILE", 1000)
    (checkout / "large.bin").write_bytes(bytes(1001))
    (checkout / "picture.bin").write_bytes(bytes(2000))
    (checkout / "small.txt").write_text("kept\n")
    tree = read_tree(checkout)
    assert [each.partition(" ")[0] for each in tree.left_out] == ["picture.bin", "large.bin"]
    assert "1,001 bytes, more than the 1,000 kept of a file" in tree.left_out[1]
    assert b"# left out: large.bin (1,001 bytes" in tree.patch
    clone = restored(checkout, tmp_path, tree.patch)
    assert (clone / "small.txt").read_text() == "kept\n"
    assert not (clone / "large.bin").exists()
    assert (clone / "picture.bin").read_bytes() == BINARY


def test_the_whole_and_the_number_are_bounded(checkout, monkeypatch):
    for name in "abc":
        (checkout / name).write_text("x" * 400)
    monkeypatch.setattr(source_tree, "MOST_OF_ALL", 1000)
    assert [each.partition(" ")[0] for each in read_tree(checkout).left_out] == ["c"]
    monkeypatch.setattr(source_tree, "MOST_FILES", 1)
    assert read_tree(checkout).left_out == ("b (more than 1 files)", "c (more than 1 files)")


def test_secrets_are_named_and_stay_where_they_are(checkout):
    for name in (".env", "server.pem", "my_Credentials.json"):
        (checkout / name).write_text("hunter2\n")
    (checkout / "src" / "new.py").write_text("x = 1\n")
    tree = read_tree(checkout)
    assert b"hunter2" not in tree.patch
    assert b"src/new.py" in tree.patch
    assert set(tree.left_out) == {f"{n} (may hold a secret)" for n in (".env", "server.pem", "my_Credentials.json")}


def test_a_difference_that_git_does_not_tell_is_not_taken_for_none(checkout, monkeypatch):
    (checkout / "src" / "a.py").write_text("changed\n")
    own = source_tree._git
    monkeypatch.setattr(
        source_tree, "_git", lambda root, *words, **more: None if "--binary" in words else own(root, *words, **more)
    )
    assert read_tree(checkout).left_out == ("src/a.py (git did not tell its difference)",)


def test_a_patch_of_nothing_but_a_note_is_not_lost(checkout, monkeypatch):
    monkeypatch.setattr(source_tree, "MOST_OF_A_FILE", 1)
    (checkout / "large").write_text("xx")
    assert read_tree(checkout).described()["dirty"]


def test_folders_of_runs_are_no_part_of_the_tree(checkout):
    (checkout / "out").mkdir()
    (checkout / "out" / "results.json").write_text("{}")
    assert read_tree(checkout, leave=[checkout / "out"]).patch == b""
    assert b"results.json" in read_tree(checkout).patch


def test_a_repository_inside_is_named(checkout):
    (checkout / "inner").mkdir()
    git(checkout / "inner", "init", "-q")
    (checkout / "inner" / "x").write_text("x")
    git(checkout / "inner", "add", "-A")
    git(checkout / "inner", "commit", "-q", "-m", "x")
    assert read_tree(checkout).left_out == ("inner/ (a repository of its own)",)


def test_outside_a_checkout_there_is_none(tmp_path):
    assert read_tree(tmp_path) is None


def test_a_checkout_inside_a_larger_one_is_kept_by_itself(checkout, tmp_path):
    (checkout / "src" / "a.py").write_text("changed\n")
    (checkout / "src" / "new.py").write_text("new\n")
    (checkout / "outside.txt").write_text("not of this folder\n")
    tree = read_tree(checkout / "src")
    assert b"outside.txt" not in tree.patch
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(checkout), str(clone)], check=True, capture_output=True)
    (tmp_path / "diff.patch").write_bytes(tree.patch)
    git(clone, "apply", "--directory=src", str(tmp_path / "diff.patch"))
    assert files(clone / "src") == files(checkout / "src")


def test_our_own_tree_is_this_checkout():
    tree = own_tree()
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        pytest.skip("these tests are not in a git checkout")
    assert tree.commit == subprocess.check_output(["git", "-C", str(root), "rev-parse", "HEAD"], text=True).strip()
