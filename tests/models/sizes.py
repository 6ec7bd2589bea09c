"""Options of tiny models of every family."""

from typing import Any

from interlace.models.base import LanguageModel
from interlace.models.bert import BERT
from interlace.models.gpt import GPT
from interlace.models.lstm import LSTM
from interlace.models.t5 import T5

V = 40
_SHAPE: dict[str, Any] = {
    "vocabulary_size": V,
    "pad_id": 0,
    "dim": 24,
    "num_layers": 2,
    "num_heads": 4,
    "feed_forward_dim": 40,
    "dropout": 0.0,
}
GPT2: dict[str, Any] = _SHAPE | {
    "max_length": 32,
    "attention_dropout": 0.0,
    "norm_eps": 1e-5,
    "activation": "gelu_tanh",
    "gated": False,
    "norm": "layer",
    "bias": True,
    "positions": "learned",
    "rotary_base": 1e4,
    "query_key_norm": False,
    "embedding_norm": False,
    "initialisation": "gpt2",
    "tie_embeddings": True,
    "logit_soft_cap": None,
    "bigram_table": False,
}
MODERN = GPT2 | {
    "activation": "relu_squared",
    "norm": "rms_plain",
    "bias": False,
    "positions": "rotary",
    "max_length": None,
    "query_key_norm": True,
    "embedding_norm": True,
    "initialisation": "zero_projections",
    "tie_embeddings": False,
    "logit_soft_cap": 15.0,
    "bigram_table": True,
}
SWIGLU = MODERN | {"activation": "silu", "gated": True, "norm": "rms", "bigram_table": False}
BERT_OPTIONS: dict[str, Any] = _SHAPE | {
    "family": "bert",
    "activation": "gelu",
    "max_length": 32,
    "num_token_types": 2,
    "norm_eps": 1e-12,
    "tie_embeddings": True,
    "masked_head": True,
    "pooling": "next_sentence",
    "attention_dropout": 0.0,
}
ROBERTA = BERT_OPTIONS | {"family": "roberta", "pad_id": 1, "num_token_types": 1, "pooling": "none"}
T5_V1: dict[str, Any] = _SHAPE | {
    "num_decoder_layers": 3,
    "head_dim": 10,
    "activation": "relu",
    "gated": False,
    "num_buckets": 8,
    "max_distance": 12,
    "norm_eps": 1e-6,
    "tie_embeddings": True,
    "scale_logits": True,
}
T5_V1_1 = T5_V1 | {"activation": "gelu_tanh", "gated": True, "tie_embeddings": False, "scale_logits": False}
LSTM_OPTIONS: dict[str, Any] = {
    "vocabulary_size": V,
    "pad_id": 0,
    "dim": 24,
    "num_layers": 2,
    "dropout": 0.0,
    "tie_embeddings": True,
}
FAMILIES: dict[str, tuple[type[LanguageModel], dict[str, Any]]] = {
    "gpt2": (GPT, GPT2),
    "modern": (GPT, MODERN),
    "swiglu": (GPT, SWIGLU),
    "lstm": (LSTM, LSTM_OPTIONS),
    "bert": (BERT, BERT_OPTIONS),
    "roberta": (BERT, ROBERTA),
    "t5": (T5, T5_V1),
    "t5-v1.1": (T5, T5_V1_1),
}
CAUSAL = ("gpt2", "modern", "swiglu", "lstm")
