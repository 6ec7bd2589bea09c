"""Every notebook runs from top to bottom, and its stored outputs are small."""

import os

import nbformat
import pytest
from nbclient import NotebookClient

from tests.documentation.blocks import ROOT
from tests.documentation.conftest import variables

NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
LIMIT = 120  # seconds of a cell
SIZE = 100_000  # bytes of a notebook with its outputs


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("INTERLACE_", "WANDB_"))]:
        monkeypatch.delenv(name)
    for name, value in variables().items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=LIMIT, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert path.stat().st_size < SIZE


def test_notebooks_are_found():
    assert len(NOTEBOOKS) >= 2


def test_a_cell_that_fails_is_found(tmp_path):
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 == 2")])
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, timeout=LIMIT, resources={"metadata": {"path": str(tmp_path)}}).execute()
