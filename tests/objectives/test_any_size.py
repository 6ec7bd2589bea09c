"""Every objective of packed text, on splits of any number of tokens: batches that a model learns from."""

from collections import Counter
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.corpus.blocks import Blocks
from interlace.data.corpus.packing import pack
from interlace.data.corpus.shards import Shards
from interlace.data.tokenizers import TextTokenizer
from interlace.models.bert import BERT
from interlace.models.gpt import GPT
from interlace.models.t5 import T5
from interlace.objectives.causal import CausalLM
from interlace.objectives.masked import MaskedLM, MaskedNextSentenceLM
from interlace.objectives.span_corruption import SpanCorruption
from tests.models.sizes import BERT_OPTIONS, GPT2, T5_V1

MASKING: dict[str, Any] = {
    "mask_fraction": 0.15, "mask_share": 0.8, "random_share": 0.1, "whole_word": False, "pseudo_rows": 0,
}  # fmt: skip
OBJECTIVES: dict[str, tuple[Callable[[], Any], Callable[..., Any], dict[str, Any]]] = {
    "causal": (lambda: CausalLM(label_smoothing=0.0), GPT, GPT2),
    "masked": (lambda: MaskedLM(**MASKING), BERT, BERT_OPTIONS),
    "masked_whole_word": (lambda: MaskedLM(**MASKING | {"whole_word": True}), BERT, BERT_OPTIONS),
    "next_sentence": (lambda: MaskedNextSentenceLM(**MASKING, next_sentence_weight=1.0), BERT, BERT_OPTIONS),
    "span_corruption": (lambda: SpanCorruption(noise_density=0.15, mean_span=3.0), T5, T5_V1),
}


@pytest.fixture(scope="module")
def learned() -> TextTokenizer:
    return TextTokenizer.train("bpe", ["the cat sat on the mat"] * 4, 300, num_sentinels=20)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_any_number_of_tokens(name: str, learned: TextTokenizer) -> None:
    make, family, sizes = OBJECTIVES[name]
    objective = make()
    objective.bind(learned, 0)
    torch.manual_seed(0)
    model = family(**sizes | {"vocabulary_size": len(learned), "pad_id": learned.pad_id})

    @settings(max_examples=15, deadline=None)
    @given(
        st.lists(st.integers(1, 9), min_size=1, max_size=6),
        st.integers(6, 12),
        st.sampled_from(["chunk", "best_fit"]),
    )
    def learns(documents: list[int], length: int, packing: Any) -> None:
        with TemporaryDirectory() as folder:
            pack(["x" * size for size in documents], learned, f"{folder}/shards", counts=Counter())
            blocks = Blocks(
                Shards(f"{folder}/shards"),
                block_length=objective.content_length(length),
                lookahead=objective.extra_tokens,
                packing="chunk" if name == "span_corruption" else packing,
                pad_id=learned.pad_id,
            )
            for rows in (np.arange(0, len(blocks), 2), np.arange(len(blocks))):
                batch = objective.batch(blocks, rows, epoch=3)
                assert objective.num_targets(blocks, rows, 3).tolist() == batch["num_targets"].tolist()
        sums, _ = objective.sums(model, batch)
        assert torch.isfinite(sums).all()
        (sums / batch["num_targets"].clamp_min(1)).sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)

    learns()
