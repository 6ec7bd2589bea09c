"""T5 v1.0 and v1.1 checkpoints of Hugging Face."""

import re
from typing import Any

import torch

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.models.t5 import T5
from interlace.pretrained.config_file import ACTIVATION_NAMES, ConfigFile
from interlace.pretrained.family import Family, Options
from interlace.pretrained.rules import Rule, for_layers, rule
from interlace.pretrained.weights import Weights


def _attention(prefix: str, file_prefix: str) -> list[Rule]:
    return [
        rule(
            f"{prefix}.projection.weight",
            f"{file_prefix}.q.weight",
            f"{file_prefix}.k.weight",
            f"{file_prefix}.v.weight",
        ),
        rule(f"{prefix}.output.weight", f"{file_prefix}.o.weight"),
    ]


def _feed_forward(stack: str, index: int, *, gated: bool) -> list[Rule]:
    prefix, file_prefix = f"{stack}.layers.{{i}}.feed_forward", f"{stack}.block.{{i}}.layer.{index}"
    expand = ("wi_0", "wi_1") if gated else ("wi",)  # the activation is applied to wi_0
    return [
        rule(f"{prefix}.up_projection.weight", *(f"{file_prefix}.DenseReluDense.{name}.weight" for name in expand)),
        rule(f"{prefix}.down_projection.weight", f"{file_prefix}.DenseReluDense.wo.weight"),
        rule(f"{prefix}_norm.weight", f"{file_prefix}.layer_norm.weight"),
    ]


def _stack(stack: str, *, gated: bool) -> list[Rule]:
    prefix, file_prefix = f"{stack}.layers.{{i}}", f"{stack}.block.{{i}}.layer"
    table = _attention(f"{prefix}.attention", f"{file_prefix}.0.SelfAttention")
    table.append(rule(f"{prefix}.attention_norm.weight", f"{file_prefix}.0.layer_norm.weight"))
    if stack == "decoder":
        table += _attention(f"{prefix}.cross_attention", f"{file_prefix}.1.EncDecAttention")
        table.append(rule(f"{prefix}.cross_attention_norm.weight", f"{file_prefix}.1.layer_norm.weight"))
    return table + _feed_forward(stack, 2 if stack == "decoder" else 1, gated=gated)


def rules(options: Options) -> list[Rule]:
    """Return the rules for the parameter names of a model with these options."""
    table = [rule("embedding.weight", "shared.weight")]
    for stack, layers in (("encoder", options["num_layers"]), ("decoder", options["num_decoder_layers"])):
        table += for_layers(_stack(stack, gated=options["gated"]), layers)
        table.append(rule(f"{stack}.norm.weight", f"{stack}.final_layer_norm.weight"))
        first = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        table.append(rule(f"{stack}_positions.embedding.weight", first))
    if not options["tie_embeddings"]:
        table.append(rule("head.weight", "lm_head.weight"))
    return table


def read(config: ConfigFile, weights: Weights) -> dict[str, Any]:
    """Return the options of a checkpoint.

    In T5 files `tie_word_embeddings: false` means that the output is not scaled. transformers 5 ties the embeddings
    nevertheless, unless both tensors exist and differ, and has the option `scale_decoder_outputs`. The scale is
    therefore read from the configuration and the tie from the tensors.
    """
    if config.architecture() == "T5EncoderModel":
        raise UserError(f"{config.path}: T5EncoderModel has no decoder; expected T5ForConditionalGeneration")
    config.refuse_unless("is_decoder", False)
    *gate, activation = config.get("feed_forward_proj", str, "relu").split("-")
    if gate not in ([], ["gated"]):
        raise UserError(f"{config.path}: feed_forward_proj is {config.content['feed_forward_proj']!r}; "
                        "expected an activation or gated-<activation>")  # fmt: skip
    if gate and activation == "gelu":
        activation = "gelu_new"  # the meaning of "gated-gelu" since T5 v1.1
    tied_in_config = config.get("tie_word_embeddings", bool, True)
    layers = config.get("num_layers", int)
    pad_id = config.get("pad_token_id", int, 0)
    start_id = config.get("decoder_start_token_id", int, pad_id)
    return {
        "vocabulary_size": config.get("vocab_size", int),
        "pad_id": pad_id,
        "dim": config.get("d_model", int),
        "num_layers": layers,
        "num_decoder_layers": config.get("num_decoder_layers", int, layers),
        "num_heads": config.get("num_heads", int),
        "head_dim": config.get("d_kv", int),
        "feed_forward_dim": config.get("d_ff", int),
        "activation": config.known_activation("feed_forward_proj", activation),
        "gated": bool(gate),
        "num_buckets": config.get("relative_attention_num_buckets", int),
        "max_distance": config.get("relative_attention_max_distance", int, 128),  # missing in files before 2021
        "norm_eps": config.get("layer_norm_epsilon", float),
        "tie_embeddings": not _is_untied(weights, tied_in_config=tied_in_config),
        "scale_logits": config.get("scale_decoder_outputs", bool, tied_in_config),
        "dropout": config.get("dropout_rate", float),
        "decoder_start_id": None if start_id == pad_id else start_id,
    }


def _is_untied(weights: Weights, *, tied_in_config: bool) -> bool:
    if "lm_head.weight" not in weights or "shared.weight" not in weights:
        return False
    return not tied_in_config or not torch.equal(weights["lm_head.weight"], weights["shared.weight"])


def write(model: LanguageModel) -> dict[str, Any]:
    """Return the config.json of a model. Raises UserError when Hugging Face has no such T5."""
    options = model.options
    if options.get("causal_encoder"):
        raise UserError("model.causal_encoder: Hugging Face's T5 has no causal encoder; such a run cannot be exported")
    activation = ACTIVATION_NAMES[options["activation"]]
    if options["gated"] and activation == "gelu":
        raise UserError("model.activation: Hugging Face's gated-gelu is the tanh approximation; use gelu_tanh")
    if options["gated"]:
        activation = "gated-" + activation.removesuffix("_new")
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "is_encoder_decoder": True,
        "vocab_size": options["vocabulary_size"],
        "pad_token_id": options["pad_id"],
        "decoder_start_token_id": model.start_id or 0,  # without a padding token, id 0 pads and starts the decoder
        "d_model": options["dim"],
        "num_layers": options["num_layers"],
        "num_decoder_layers": options["num_decoder_layers"],
        "num_heads": options["num_heads"],
        "d_kv": options["head_dim"],
        "d_ff": options["feed_forward_dim"],
        "feed_forward_proj": activation,
        "relative_attention_num_buckets": options["num_buckets"],
        "relative_attention_max_distance": options["max_distance"],
        "layer_norm_epsilon": options["norm_eps"],
        "dropout_rate": options["dropout"],
        "tie_word_embeddings": options["tie_embeddings"],
        "scale_decoder_outputs": options["scale_logits"],
        "initializer_factor": 1.0,
    }


T5_FAMILY = Family(
    model_type="t5",
    model=T5,
    read=read,
    write=write,
    rules=rules,
    # A table that old files store for cross-attention, which has no positions.
    ignored=re.compile(r"^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$"),
    task_heads=re.compile(r"^(classification_head|classifier|qa_outputs)\."),
    copies={
        "lm_head.weight": "shared.weight",
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    },
)
