"""GPT-2 checkpoints of Hugging Face."""

import re
from typing import Any

import torch

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.models.gpt import GPT
from interlace.pretrained.config_file import ACTIVATION_NAMES, ConfigFile
from interlace.pretrained.family import Family, Options
from interlace.pretrained.rules import Rule, expanded, for_layers, rule
from interlace.pretrained.weights import Weights

OUTSIDE = (
    rule("embeddings.word.weight", "transformer.wte.weight"),
    rule("embeddings.position.weight", "transformer.wpe.weight"),
    rule("stack.norm.*", "transformer.ln_f.*"),
)
# Exactly four matrices are stored as (in, out). attn.c_proj is square, so that its shape does not show it.
LAYER = (
    rule("stack.layers.{i}.attention_norm.*", "transformer.h.{i}.ln_1.*"),
    rule("stack.layers.{i}.attention.projection.*", "transformer.h.{i}.attn.c_attn.*", transposed=True),
    rule("stack.layers.{i}.attention.output.*", "transformer.h.{i}.attn.c_proj.*", transposed=True),
    rule("stack.layers.{i}.feed_forward_norm.*", "transformer.h.{i}.ln_2.*"),
    rule("stack.layers.{i}.feed_forward.up_projection.*", "transformer.h.{i}.mlp.c_fc.*", transposed=True),
    rule("stack.layers.{i}.feed_forward.down_projection.*", "transformer.h.{i}.mlp.c_proj.*", transposed=True),
)
# Options that a GPT-2 has, apart from its sizes.
FIXED: Options = {
    "gated": False,
    "norm": "layer",
    "bias": True,
    "positions": "learned",
    "query_key_norm": False,
    "embedding_norm": False,
    "logit_soft_cap": None,
    "bigram_table": False,
}


def rules(options: Options) -> list[Rule]:
    """Return the rules for the parameter names of a model with these options."""
    table = [*OUTSIDE, *for_layers(LAYER, options["num_layers"])]
    if not options["tie_embeddings"]:
        table.append(rule("head.weight", "lm_head.weight"))
    return list(expanded(table))


def read(config: ConfigFile, weights: Weights) -> dict[str, Any]:
    """Return the options of a checkpoint; the dropout rate of the residual stream is used for the embeddings too."""
    for name, usual in (
        ("scale_attn_weights", True), ("scale_attn_by_inverse_layer_idx", False), ("add_cross_attention", False),
    ):  # fmt: skip
        config.refuse_unless(name, usual)
    dim = config.get("n_embd", int)
    head, words = "lm_head.weight", "transformer.wte.weight"
    untied = head in weights and words in weights and not torch.equal(weights[head], weights[words])
    return {
        **FIXED,
        "vocabulary_size": config.get("vocab_size", int),
        "pad_id": config.get("pad_token_id", int, None),
        "dim": dim,
        "num_layers": config.get("n_layer", int),
        "num_heads": config.get("n_head", int),
        "feed_forward_dim": config.get("n_inner", int, 4 * dim),
        "activation": config.activation("activation_function"),
        "norm_eps": config.get("layer_norm_epsilon", float),
        "max_length": config.get("n_positions", int),
        "rotary_base": 10000.0,
        "initialisation": "gpt2",
        "tie_embeddings": not untied and config.get("tie_word_embeddings", bool, True),
        "dropout": config.get("resid_pdrop", float),
        "attention_dropout": config.get("attn_pdrop", float),
    }


def write(model: LanguageModel) -> dict[str, Any]:
    """Return the config.json of a model. Raises UserError when it is not a GPT-2."""
    options = model.options
    for name, value in FIXED.items():
        if options[name] != value:
            raise UserError(
                f"model.{name}: Hugging Face's GPT-2 has {value!r}, this model has {options[name]!r}; "
                "only models with the architecture of conf/model/gpt2.yaml can be exported"
            )
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": options["vocabulary_size"],
        "pad_token_id": options["pad_id"],
        "n_embd": options["dim"],
        "n_layer": options["num_layers"],
        "n_head": options["num_heads"],
        "n_inner": options["feed_forward_dim"],
        "n_positions": options["max_length"],
        "activation_function": ACTIVATION_NAMES[options["activation"]],
        "layer_norm_epsilon": options["norm_eps"],
        "resid_pdrop": options["dropout"],
        "embd_pdrop": options["dropout"],
        "attn_pdrop": options["attention_dropout"],
        "tie_word_embeddings": options["tie_embeddings"],
        "scale_attn_weights": True,
        "initializer_range": 0.02,
    }


GPT2_FAMILY = Family(
    model_type="gpt2",
    model=GPT,
    read=read,
    write=write,
    rules=rules,
    prefix="transformer.",
    without_prefix=("lm_head.",),
    # Attention masks stored as buffers: their names end in "bias", but they are not parameters.
    ignored=re.compile(r"^transformer\.h\.\d+\.attn\.(bias|masked_bias)$"),
    task_heads=re.compile(r"^(score|classifier|qa_outputs|multiple_choice_head)\."),
    copies={"lm_head.weight": "transformer.wte.weight"},
)
