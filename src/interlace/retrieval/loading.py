"""Trained encoders and re-rankers as parts of a ranking."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from interlace.configuration.checking import resolve_target
from interlace.configuration.construction import constructor
from interlace.errors import UserError
from interlace.pretrained.parents import checkpoint_of, load_language_model, load_tokenizer, read_config
from interlace.reading.tensors import load_state
from interlace.retrieval.encoding import TextEncoder
from interlace.retrieval.index import SEAL, Index, open_index, read_seal
from interlace.retrieval.reranking import CrossEncoder, Reranker
from interlace.retrieval.settings import Ranking

INDEX = "index"  # in the checkpoints of a run
HEAD = "model.score."  # of a cross-encoder in its checkpoint


class TrainedRankers:
    """Models of a run that trains nothing.

    `encoder`: the run of a bi-encoder or any other text encoder, or a directory in Hugging Face's layout; its vectors
    are means of hidden states. `reranker`: the run of a cross-encoder.
    """

    def __init__(self, *, encoder: str | None, reranker: str | None) -> None:
        self.encoder, self.reranker = encoder, reranker

    @property
    def paths(self) -> list[str]:
        """The directories that are read."""
        return [path for path in (self.encoder, self.reranker) if path is not None]

    def check(self, ranking: Ranking) -> None:
        """UserError where the ranking and the models do not fit."""
        if ranking.uses_vectors and self.encoder is None:
            raise UserError(
                f"retrieval.combine: {ranking.combine} needs an encoder; name one with model.encoder=DIR, train one "
                "with experiment=retrieval/dense, or choose retrieval=bm25"
            )
        if self.encoder is not None and not ranking.uses_vectors:
            raise UserError(
                f"model.encoder: {self.encoder} plays no part in retrieval=bm25; choose retrieval=dense, rrf or "
                "weighted, or leave it out"
            )

    def load(self, max_tokens: int) -> tuple[TextEncoder | None, Reranker | None]:
        """The encoder and the re-ranker, each where there is one."""
        encoder = reranker = None
        if self.encoder is not None:
            directory = Path(self.encoder)
            model = load_language_model(directory).eval()
            encoder = TextEncoder(model, load_tokenizer(directory), max_tokens=max_tokens)
        if self.reranker is not None:
            reranker = reranker_of(Path(self.reranker))
        return encoder, reranker


def reranker_of(directory: Path) -> Reranker:
    """The cross-encoder of a finished run, with pairs as long as it was trained on; UserError where there is none."""
    model = CrossEncoder(load_language_model(directory))
    state = load_state(checkpoint_of(directory))
    head = {name.removeprefix(HEAD): value for name, value in state.items() if name.startswith(HEAD)}
    if set(head) != {"weight", "bias"}:
        raise UserError(
            f"{directory}: the run of no cross-encoder; expected one of experiment=retrieval/reranker (model.reranker)"
        )
    model.score.load_state_dict({name: torch.as_tensor(value) for name, value in head.items()})
    data = read_config(directory)["data"]
    longest = int(data["max_query_tokens"]) + int(data["max_passage_tokens"])
    return Reranker(model.eval(), load_tokenizer(directory), max_tokens=longest)


def rankers_of(config: Mapping[str, Any], directory: Path) -> tuple[TextEncoder | None, Reranker | None]:
    """The encoder and the re-ranker of a finished run: those that it trained, or that it was given."""
    longest = int(config["data"]["max_passage_tokens"])
    if resolve_target("model", config["model"]) is TrainedRankers:
        given: TrainedRankers = constructor(config["model"])()
        return given.load(longest)
    if constructor(config["retrieval"])().uses_vectors:
        return TrainedRankers(encoder=str(directory), reranker=None).load(longest)
    return None, reranker_of(directory)


def load_index(config: Mapping[str, Any], directory: Path) -> Index:
    """The index of a finished run, with the models that made it."""
    return open_index(directory / "checkpoints" / INDEX, *rankers_of(config, directory))


def load_index_of(directory: Path) -> Index:
    """The index of the run in a directory. Raises UserError where it is no run that ranks passages."""
    if not (directory / "checkpoints" / INDEX).is_dir():
        raise UserError(f"{directory}: no run with an index; expected one of experiment=retrieval/... (model.index)")
    return load_index(read_config(directory), directory)


def is_index(folder: Path) -> bool:
    """True for a folder that an index was kept in."""
    return (folder / SEAL).is_file()


def open_index_folder(folder: Path) -> Index:
    """The index in a folder, made of documents, with the encoder that made it.

    Raises UserError where the index is damaged, or its encoder is gone or another.
    """
    seal = read_seal(folder)
    directory, hashes = seal.get("encoder_directory"), seal["encoder"]
    if directory is None or hashes is None:
        return open_index(folder)
    if not Path(directory).is_dir():
        raise UserError(f"{folder}: its encoder was in {directory}, which is gone; build the index again (--encoder)")
    longest = str(hashes.get("max_tokens"))
    if not longest.isdecimal():
        raise UserError(f"{folder / SEAL}: its encoder has no max_tokens; build the index again")
    encoder, _ = TrainedRankers(encoder=directory, reranker=None).load(int(longest))
    return open_index(folder, encoder)
