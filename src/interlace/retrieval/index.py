"""An index that is kept in a folder: passages, BM25 files, vectors, and the hashes of what made the vectors."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from interlace.data.passages.beir import CORPUS, read_collection, write_collection
from interlace.data.passages.collection import Collection
from interlace.errors import UserError
from interlace.folders import whole_folder
from interlace.inputs import note
from interlace.reading.arrays import read_array
from interlace.reading.documents import read_json
from interlace.reading.files import open_regular
from interlace.retrieval.bm25 import BM25
from interlace.retrieval.encoding import TextEncoder, weights_hash
from interlace.retrieval.reranking import Reranker
from interlace.retrieval.retriever import Retriever, Weights
from interlace.retrieval.settings import Ranking
from interlace.retrieval.vectors import ExactSearch, VectorSearch
from interlace.retrieval.windows import WindowIndex

SEAL, VECTORS, TERMS = "index.json", "vectors.npy", "bm25"
FORMAT = 1
EXPECTED = "expected an index folder, as interlace index makes it and a retrieval run has it in checkpoints/index"


@dataclass
class Index:
    """Passages with what ranks them. `with_titles`: each passage is searched with its title before it.

    `encoder_directory`: the run or folder of the encoder, where the index does not belong to a run that names it.
    """

    collection: Collection
    retriever: Retriever
    with_titles: bool
    encoder_directory: str | None = None

    def save(self, folder: Path) -> None:
        """Writes the folder as a whole, in place of an index of that name. UserError where something else lies there
        or the disk is full."""
        if folder.exists() and not (folder / SEAL).is_file():
            raise UserError(f"{folder}: already exists and is no index; choose another folder")
        try:
            with whole_folder(folder) as temporary:
                self._write(temporary)
        except OSError as error:
            raise UserError(
                f"{folder}: cannot keep the index ({error.strerror or error}); choose a folder with free space"
            ) from error

    def _write(self, folder: Path) -> None:
        retriever = self.retriever
        write_collection(folder / CORPUS, self.collection)
        if retriever.bm25 is not None:
            retriever.bm25.save(folder / TERMS)
        if retriever.vectors is not None:
            np.save(folder / VECTORS, retriever.vectors, allow_pickle=False)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        seal = {
            "format": FORMAT,
            "num_passages": len(self.collection),
            "with_titles": self.with_titles,
            "ranking": retriever.ranking.plain(),
            "weights": retriever.weights._asdict(),
            "encoder": None if retriever.encoder is None else retriever.encoder.hashes,
            "reranker": None if retriever.reranker is None else reranker_hashes(retriever.reranker),
            **({} if self.encoder_directory is None else {"encoder_directory": self.encoder_directory}),
            "files": {path.relative_to(folder).as_posix(): _checksum(path) for path in files},
        }
        (folder / SEAL).write_text(json.dumps(seal, indent=1) + "\n", "utf-8")


def reranker_hashes(reranker: Reranker) -> dict[str, str]:
    """Hashes of the weights and the tokenizer of a cross-encoder, and its longest pair."""
    return {
        "encoder": weights_hash(reranker.model),
        "tokenizer": reranker.tokenizer.hash,
        "max_tokens": str(reranker.max_tokens),
    }


def open_index(
    folder: Path,
    encoder: TextEncoder | None = None,
    reranker: Reranker | None = None,
    vector_search: Callable[[np.ndarray], VectorSearch] = ExactSearch,
) -> Index:
    """The index in a folder, whole in memory: O(its size), bounded by the limits of `interlace.reading`.

    `encoder` and `reranker` are those that made it, where it has vectors or a re-ranker: a changed model or tokenizer
    is refused, since its vectors lie in another space. Nothing in the folder is executed, unpickled or mapped. Raises
    UserError for a folder that is no index, is damaged, or does not fit what is given.
    """
    seal = read_seal(folder)
    _check_files(folder, seal["files"])
    collection = read_collection(folder / CORPUS)
    if len(collection) != seal["num_passages"]:
        raise UserError(f"{folder / CORPUS}: {len(collection)} passages for {seal['num_passages']}; build it again")
    ranking = _ranking(folder, seal["ranking"])
    for what, recorded, given in (
        ("encoder", seal["encoder"], None if encoder is None else encoder.hashes),
        ("reranker", seal["reranker"], None if reranker is None else reranker_hashes(reranker)),
    ):
        _check_model(folder, what, recorded, given)
    bm25 = BM25.load(folder / TERMS) if ranking.uses_terms else None
    texts = collection.searched(seal["with_titles"])
    vectors = None
    if ranking.uses_vectors:
        vectors = _read_vectors(folder / VECTORS, len(WindowIndex(texts, ranking.windows)), encoder)
    if bm25 is not None and bm25.num_passages != len(collection):
        raise UserError(f"{folder / TERMS}: {bm25.num_passages} passages for {len(collection)}; build the index again")
    retriever = Retriever(
        ranking,
        texts,
        bm25=bm25,
        vectors=vectors,
        encoder=encoder,
        reranker=reranker,
        vector_search=vector_search,
    )
    retriever.weights = Weights(**{name: _weight(folder, seal["weights"].get(name)) for name in Weights._fields})
    return Index(collection, retriever, seal["with_titles"], seal.get("encoder_directory"))


def read_seal(folder: Path) -> dict[str, Any]:
    """Return the content of an index's index.json, checked. Raises UserError for a folder that is no index."""
    note(folder / SEAL)
    try:
        seal = read_json(folder / SEAL)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder}: no {SEAL} in it; {EXPECTED}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / SEAL}: cannot be read ({error}); build the index again") from None
    kinds = {"num_passages": int, "with_titles": bool, "ranking": dict, "weights": dict, "files": dict}
    whole = isinstance(seal, dict) and all(type(seal.get(name)) is kind for name, kind in kinds.items())
    if not whole or any(not isinstance(seal.get(name), dict | None) for name in ("encoder", "reranker")):
        raise UserError(f"{folder / SEAL}: not what an index has; {EXPECTED}")
    if not isinstance(seal.get("encoder_directory"), str | None):
        raise UserError(f"{folder / SEAL}: its encoder_directory is no path; {EXPECTED}")
    if seal.get("format") != FORMAT:
        raise UserError(f"{folder / SEAL}: format {seal.get('format')!r}, expected {FORMAT}; build the index again")
    return seal  # type: ignore[no-any-return]


def _check_files(folder: Path, files: Mapping[str, Any]) -> None:
    """UserError unless all files of the index are there as they were written; names lead nowhere else."""
    for name, checksum in files.items():
        parts = Path(name).parts
        if Path(name).is_absolute() or ".." in parts:
            raise UserError(f"{folder / SEAL}: it names {name[:80]!r}, which is no file of its folder; {EXPECTED}")
        try:
            found = _checksum(folder / name)
        except OSError as error:
            raise UserError(f"{folder / name}: {error.strerror or error}; build the index again") from None
        if found != checksum:
            raise UserError(f"{folder / name}: damaged, its checksum is not the saved one; build the index again")


def _ranking(folder: Path, content: Mapping[str, Any]) -> Ranking:
    try:
        return TypeAdapter(Ranking).validate_python(content)
    except ValidationError as error:
        problem = error.errors()[0]
        raise UserError(
            f"{folder / SEAL}: ranking.{'.'.join(map(str, problem['loc']))}: {problem['msg']}; build the index again"
        ) from None


def _weight(folder: Path, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UserError(f"{folder / SEAL}: a weight is {value!r}, expected a number from 0 to 1; build the index again")
    return float(value)


def _check_model(folder: Path, what: str, recorded: Mapping[str, Any] | None, given: Mapping[str, str] | None) -> None:
    if recorded is None:
        return
    if given is None:
        raise UserError(f"{folder}: the index needs the {what} that made it; name its run (model.{what}=DIR)")
    for part, value in given.items():
        if recorded.get(part) != value:
            name = {"encoder": "weights", "max_tokens": "longest text"}.get(part, part)
            raise UserError(
                f"{folder}: made with another {what}: its {name} is {str(recorded.get(part))[:12]}, that of the model "
                f"given {value[:12]}; give the one that made the index, or build it again"
            )


def _read_vectors(path: Path, number: int, encoder: TextEncoder | None) -> np.ndarray:
    note(path)
    try:
        vectors = read_array(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); build the index again") from None
    dim = None if encoder is None else encoder.model.dim
    if vectors.dtype != np.float32 or vectors.shape != (number, dim) or not np.isfinite(vectors).all():
        raise UserError(
            f"{path}: {vectors.dtype} of shape {vectors.shape}, expected finite float32 ({number}, {dim}); build the "
            "index again"
        )
    return vectors


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
