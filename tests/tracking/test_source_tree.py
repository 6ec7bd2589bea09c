"""A dirty tree is kept whole: `git apply` in a fresh checkout gives the same files."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from interlace.tracking import source_tree
from interlace.tracking.secret_files import secret_content, secret_name
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
    (root / "naïve – ü.py").write_text("ü\n")
    (root / "binary.py").write_bytes(BINARY)
    (root / "empty.py").touch()
    (root / "link.py").symlink_to("src/a.py")
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
    monkeypatch.setattr(source_tree, "MAX_FILE_BYTES", 1000)
    (checkout / "large.py").write_bytes(bytes(1001))
    (checkout / "picture.bin").write_bytes(bytes(2000))
    (checkout / "small.py").write_text("kept\n")
    tree = read_tree(checkout)
    assert [each.partition(" ")[0] for each in tree.left_out] == ["picture.bin", "large.py"]
    assert "1,001 bytes, more than the 1,000 kept of a file" in tree.left_out[1]
    assert b"# left out: large.py (1,001 bytes" in tree.patch
    clone = restored(checkout, tmp_path, tree.patch)
    assert (clone / "small.py").read_text() == "kept\n"
    assert not (clone / "large.py").exists()
    assert (clone / "picture.bin").read_bytes() == BINARY


def test_the_whole_and_the_number_are_bounded(checkout, monkeypatch):
    for name in "abc":
        (checkout / f"{name}.py").write_text("x" * 400)
    monkeypatch.setattr(source_tree, "MAX_TOTAL_BYTES", 1000)
    assert [each.partition(" ")[0] for each in read_tree(checkout).left_out] == ["c.py"]
    monkeypatch.setattr(source_tree, "MAX_FILES", 1)
    assert read_tree(checkout).left_out == ("b.py (more than 1 files)", "c.py (more than 1 files)")


# Values are put together here, so that no scanner takes this file for one that holds them.
RANDOM = "q7Rk2Xw9Zt4Lm8Vb3Nc6Hd1Js5Fg0Pa" + "YeUoIiWwEeRr12"
AWS = "AKI" + "AIOSFODNN7EXAMPLE"
SECRET_FILES = {
    "secrets/prod.yaml": "level: 3\nuser: hunter2\n",
    ".aws/config": "[default]\nregion = hunter2\n",
    ".aws/credentials": "hunter2",
    ".ssh/known.cfg": "hunter2",
    "keys/id_ecdsa": "hunter2",
    "id_ed25519.pub.json": "hunter2",
    "api_key.txt": "hunter2",
    "API-KEY.json": "hunter2",
    ".env": "A=hunter2",
    ".env.local": "A=hunter2",
    "prod.env": "A=hunter2",
    ".netrc": "hunter2",
    ".npmrc": "hunter2",
    "my_Credentials.json": "hunter2",
    "db_password.yaml": "hunter2",
    "server.pem": "hunter2",
    "server.key": "hunter2",
    "main.tfvars": "hunter2",
    "token.json": "hunter2",
    "service-account-1.json": "hunter2",
    "conf/wandb.yaml": f"host: x  # hunter2\napi_key: {RANDOM[:40]}\n",
    "conf/a.py": f'# hunter2\nkey = "{AWS}"\n',
    "conf/b.json": '{"hunter2": 1, "db_' + 'password": "correct-horse"}',
    "conf/c.py": '# hunter2\nx = """-----BEGIN RSA ' + 'PRIVATE KEY-----\nMIIE\n"""\n',
    "conf/d.yaml": f"hunter2: 1\ntoken: gh{'p_'}{RANDOM[:40]}\n",
    "conf/e.sh": "# hunter2\nexport DB_PASS" + "WORD=correcthorse\n",
    "conf/f.toml": '# hunter2\nurl = "postgres://me:correct' + 'horse@host/db"\n',
    "conf/g.py": f'# hunter2\nHF = "hf{"_"}{RANDOM[:34]}"\n',
    "conf/h.ini": f"# hunter2\nauth_token = {RANDOM[:32]}\n",
    "conf/i.ipynb": f'{{"hunter2": 1, "source": "client = Client(api_key=\'{RANDOM[:24]}\')"}}',
}
ORDINARY_FILES = {
    "src/tokens.py": 'pad_token = "<pad>"\nmask_token: str = "[MASK]"\ntokenizer = "byte-level"\n',
    "src/client.py": 'password = getpass()\napi_key = os.environ["WANDB_API_KEY"]\nError("no api_key: set one")\n',
    "src/hashes.py": 'sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"\n',
    "conf/model/tiny.yaml": "dim: 64\nmask_token: 103\nbos_token: null\nkey: value_projection\n",
    "conf/other.json": '{"secret_santa": false, "num_keys": 3, "tokens": ["a", "b"]}',
    "run.sbatch": "#!/bin/sh\npassword=$1\nexport TOKEN=${TOKEN}\n",
    "Makefile": "all:\n\tpython src/client.py\n",
}


def test_secrets_are_named_and_stay_where_they_are(checkout, tmp_path):
    for name, text in {**SECRET_FILES, **ORDINARY_FILES}.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    tree = read_tree(checkout)
    left = {each.partition(" (")[0] for each in tree.left_out}
    assert left == set(SECRET_FILES)
    assert all("may hold" in each for each in tree.left_out)
    assert b"hunter2" not in tree.patch
    clone = restored(checkout, tmp_path, tree.patch)
    assert files(clone) == {name: found for name, found in files(checkout).items() if name not in left}


def test_secrets_in_files_of_the_repository_stay_where_they_are(checkout, tmp_path):
    for name in (".env", "settings.yaml", "src/secrets.py", "blob.bin"):
        (checkout / name).write_text("LEVEL: 3\n")
    git(checkout, "add", "-A", "-f")
    git(checkout, "commit", "-q", "-m", "second")
    (checkout / ".env").write_text("LEVEL: hunter2\n")
    (checkout / "settings.yaml").write_text(f"LEVEL: hunter2\naws: {AWS}\n")
    (checkout / "src" / "secrets.py").write_text("LEVEL = 4\n")  # about secrets, as code may be
    (checkout / "blob.bin").write_bytes(b"\0\1\2 " + AWS.encode())
    tree = read_tree(checkout)
    assert {each.partition(" (")[0] for each in tree.left_out} == {".env", "settings.yaml", "blob.bin"}
    assert b"hunter2" not in tree.patch
    clone = restored(checkout, tmp_path, tree.patch)
    assert (clone / "src" / "secrets.py").read_text() == "LEVEL = 4\n"
    assert (clone / "settings.yaml").read_text() == "LEVEL: 3\n"


def test_untracked_files_that_are_no_source_are_named(checkout):
    (checkout / "notes.txt").write_text("a list\n")
    (checkout / "weights.bin").write_bytes(BINARY)
    tree = read_tree(checkout)
    why = "(untracked, and not source code by its suffix)"
    assert tree.left_out == (f"notes.txt {why}", f"weights.bin {why}")


def test_our_own_sources_look_like_none():
    """Or a changed file of this package would be missing from every patch."""
    for path in Path(source_tree.__file__).parents[1].rglob("*.py"):
        assert secret_name(path.name, tracked=True) is None
        assert secret_content(path.read_bytes(), path.name) is None, path


def test_a_difference_that_git_does_not_tell_is_not_taken_for_none(checkout, monkeypatch):
    (checkout / "src" / "a.py").write_text("changed\n")
    own = source_tree._git
    monkeypatch.setattr(
        source_tree, "_git", lambda root, *words, **more: None if "--binary" in words else own(root, *words, **more)
    )
    assert read_tree(checkout).left_out == ("src/a.py (git diff failed)",)


def test_a_patch_of_nothing_but_a_note_is_not_lost(checkout, monkeypatch):
    monkeypatch.setattr(source_tree, "MAX_FILE_BYTES", 1)
    (checkout / "large.py").write_text("xx")
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
    assert read_tree(checkout).left_out == ("inner/ (a separate repository)",)


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
