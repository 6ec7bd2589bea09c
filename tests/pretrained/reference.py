"""Tiny models of transformers with random weights, and batches for them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

transformers = pytest.importorskip("transformers", reason="parity is measured against transformers")

VOCABULARY = 60
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "attn_implementation": "eager",
}
T5_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 24,
    "d_kv": 10,  # heads of 4 * 10 are wider than the model
    "d_ff": 40,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
    "decoder_start_token_id": 0,
}


def randomised(model: Any, std: float = 0.25) -> Any:
    """Every parameter drawn anew, biases and gains too: at their initial 0 and 1 they would test nothing."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(std=std)
            if parameter.ndim == 1 and name.endswith("weight"):
                parameter.add_(1.0)
    return model.eval()


def bert(kind: str = "BertForPreTraining", **changes: Any) -> Any:
    """A BERT with an epsilon of its own, so that a default cannot pass for it."""
    config = transformers.BertConfig(
        **SIZES | {"max_position_embeddings": 32, "type_vocab_size": 2, "layer_norm_eps": 3e-3} | changes
    )
    return randomised(getattr(transformers, kind)(config))


def roberta(kind: str = "RobertaForMaskedLM", **changes: Any) -> Any:
    """A RoBERTa of 30 positions in a table of 32."""
    config = transformers.RobertaConfig(
        **SIZES
        | {"max_position_embeddings": 32, "type_vocab_size": 1, "layer_norm_eps": 3e-3, "pad_token_id": 1}
        | changes
    )
    return randomised(getattr(transformers, kind)(config))


def gpt2(kind: str = "GPT2LMHeadModel", **changes: Any) -> Any:
    """A GPT-2."""
    sizes = {"vocab_size": VOCABULARY, "n_embd": 24, "n_layer": 3, "n_head": 4, "n_positions": 32}
    special = {"bos_token_id": 0, "eos_token_id": 0, "layer_norm_epsilon": 3e-3}
    return randomised(getattr(transformers, kind)(transformers.GPT2Config(**sizes | special | changes)))


def t5(**changes: Any) -> Any:
    """A T5 v1.0."""
    config = transformers.T5Config(**T5_SIZES | {"layer_norm_epsilon": 3e-3} | changes)
    return randomised(transformers.T5ForConditionalGeneration(config), std=0.15)  # unscaled scores are sharp


def t5_v1_1() -> Any:
    """A T5 v1.1 whose head is its own, as in the published files."""
    model = t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    torch.manual_seed(2)
    model.lm_head.weight = torch.nn.Parameter(0.1 * torch.randn(VOCABULARY, 24))
    model.config.tie_word_embeddings = False
    return model


def saved(model: Any, directory: Path) -> Path:
    """A model in a directory, as transformers writes it."""
    model.save_pretrained(directory)
    return directory


def batch(*, left: bool = False, pad: int = 0) -> tuple[Tensor, Tensor]:
    """Ids (3, 11) and their mask, rows of 11, 7 and 4 tokens, padded on the right or left."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(3, VOCABULARY, (3, 11), generator=generator)
    mask = torch.arange(11) < torch.tensor([11, 7, 4])[:, None]
    mask = mask.flip(1) if left else mask
    return ids.masked_fill(~mask, pad), mask.long()
