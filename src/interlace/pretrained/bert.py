"""BERT and RoBERTa checkpoints of Hugging Face."""

import re
from dataclasses import replace
from typing import Any

import torch

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.models.bert import BERT
from interlace.pretrained.config_file import ACTIVATION_NAMES, ConfigFile
from interlace.pretrained.family import Family, Options
from interlace.pretrained.rules import Rule, expanded, for_layers, rule
from interlace.pretrained.weights import Weights

# {p} is the prefix of the encoder: "bert." or "roberta.".
ENCODER = (
    rule("embeddings.word.weight", "{p}embeddings.word_embeddings.weight"),
    rule("embeddings.position.weight", "{p}embeddings.position_embeddings.weight"),
    rule("embeddings.token_type.weight", "{p}embeddings.token_type_embeddings.weight"),
    rule("embeddings.norm.*", "{p}embeddings.LayerNorm.*"),
)
LAYER = (
    rule(
        "stack.layers.{i}.attention.projection.*",
        "{p}encoder.layer.{i}.attention.self.query.*",
        "{p}encoder.layer.{i}.attention.self.key.*",
        "{p}encoder.layer.{i}.attention.self.value.*",
    ),
    rule("stack.layers.{i}.attention.output.*", "{p}encoder.layer.{i}.attention.output.dense.*"),
    rule("stack.layers.{i}.attention_norm.*", "{p}encoder.layer.{i}.attention.output.LayerNorm.*"),
    rule("stack.layers.{i}.feed_forward.up_projection.*", "{p}encoder.layer.{i}.intermediate.dense.*"),
    rule("stack.layers.{i}.feed_forward.down_projection.*", "{p}encoder.layer.{i}.output.dense.*"),
    rule("stack.layers.{i}.feed_forward_norm.*", "{p}encoder.layer.{i}.output.LayerNorm.*"),
)
POOLER = (rule("pooler.*", "{p}pooler.dense.*"),)
NEXT_SENTENCE = (rule("next_sentence.*", "cls.seq_relationship.*"),)
MASKED_HEAD = {
    "bert": (
        rule("masked_head.dense.*", "cls.predictions.transform.dense.*"),
        rule("masked_head.norm.*", "cls.predictions.transform.LayerNorm.*"),
    ),
    "roberta": (
        rule("masked_head.dense.*", "lm_head.dense.*"),
        rule("masked_head.norm.*", "lm_head.layer_norm.*"),
    ),
}
DECODER = {"bert": "cls.predictions.decoder", "roberta": "lm_head.decoder"}
HEAD = {"bert": "cls.predictions.", "roberta": "lm_head."}
TIED = {name: (rule("masked_head.bias", f"{HEAD[name]}bias"),) for name in HEAD}
# An untied decoder has its own bias; transformers then stores the other one without using it.
UNTIED = {
    name: (
        rule("masked_head.output.weight", f"{DECODER[name]}.weight"),
        Rule("masked_head.bias", (f"{DECODER[name]}.bias",), also=(f"{HEAD[name]}bias",)),
    )
    for name in HEAD
}


def rules(options: Options) -> list[Rule]:
    """Return the rules for the parameter names of a model with these options."""
    family: str = options["family"]
    table = [*ENCODER, *for_layers(LAYER, options["num_layers"])]
    if options["pooling"] != "none":
        table += POOLER
    if options["pooling"] == "next_sentence":
        table += NEXT_SENTENCE
    if options["masked_head"]:
        table += MASKED_HEAD[family]
        table += TIED[family] if options["tie_embeddings"] else UNTIED[family]
    return [
        replace(entry, file_names=tuple(name.replace("{p}", f"{family}.") for name in entry.file_names))
        for entry in expanded(table)
    ]


def read(config: ConfigFile, weights: Weights) -> dict[str, Any]:
    """Return the options of a checkpoint; its class and its tensors determine the heads."""
    for name, usual in (("position_embedding_type", "absolute"), ("is_decoder", False), ("add_cross_attention", False)):
        config.refuse_unless(name, usual)
    family = config.get("model_type", str)
    pad_id = config.get("pad_token_id", int, 0 if family == "bert" else 1)
    rows = config.get("max_position_embeddings", int)
    architecture = config.architecture()
    head = any(name.startswith(HEAD[family]) for name in weights)
    pooling = "pooler" if f"{family}.pooler.dense.weight" in weights else "none"
    if "cls.seq_relationship.weight" in weights or architecture in (
        "BertForPreTraining",
        "BertForNextSentencePrediction",
    ):
        pooling = "next_sentence"
    decoder, words = f"{DECODER[family]}.weight", f"{family}.embeddings.word_embeddings.weight"
    untied = decoder in weights and words in weights and not torch.equal(weights[decoder], weights[words])
    return {
        "vocabulary_size": config.get("vocab_size", int),
        "pad_id": pad_id,
        "family": family,
        "dim": config.get("hidden_size", int),
        "num_layers": config.get("num_hidden_layers", int),
        "num_heads": config.get("num_attention_heads", int),
        "feed_forward_dim": config.get("intermediate_size", int),
        "activation": config.activation("hidden_act"),
        "max_length": rows - pad_id - 1 if family == "roberta" else rows,
        "num_token_types": config.get("type_vocab_size", int),
        "norm_eps": config.get("layer_norm_eps", float),
        "tie_embeddings": not untied and config.get("tie_word_embeddings", bool, True),
        "masked_head": head or architecture in ("BertForPreTraining", "BertForMaskedLM", "RobertaForMaskedLM"),
        "pooling": pooling,
        "dropout": config.get("hidden_dropout_prob", float),
        "attention_dropout": config.get("attention_probs_dropout_prob", float),
    }


def write(model: LanguageModel) -> dict[str, Any]:
    """Return the config.json of a model. Raises UserError when Hugging Face has no such model."""
    options = model.options
    family: str = options["family"]
    if family == "roberta" and options["pooling"] == "next_sentence":
        raise UserError("model.pooling: Hugging Face's RoBERTa has no next-sentence head; export a model without it")
    rows = options["max_length"] + (options["pad_id"] + 1 if family == "roberta" else 0)
    return {
        "architectures": [_architecture(options)],
        "model_type": family,
        "vocab_size": options["vocabulary_size"],
        "pad_token_id": options["pad_id"],
        "hidden_size": options["dim"],
        "num_hidden_layers": options["num_layers"],
        "num_attention_heads": options["num_heads"],
        "intermediate_size": options["feed_forward_dim"],
        "hidden_act": ACTIVATION_NAMES[options["activation"]],
        "max_position_embeddings": rows,
        "type_vocab_size": options["num_token_types"],
        "layer_norm_eps": options["norm_eps"],
        "hidden_dropout_prob": options["dropout"],
        "attention_probs_dropout_prob": options["attention_dropout"],
        "tie_word_embeddings": options["tie_embeddings"],
        "position_embedding_type": "absolute",
        "initializer_range": 0.02,
    }


def _architecture(options: Options) -> str:
    if options["family"] == "roberta":
        return "RobertaForMaskedLM" if options["masked_head"] else "RobertaModel"
    if options["pooling"] == "next_sentence":
        return "BertForPreTraining" if options["masked_head"] else "BertForNextSentencePrediction"
    return "BertForMaskedLM" if options["masked_head"] else "BertModel"


def _family(name: str, without_prefix: tuple[str, ...]) -> Family:
    return Family(
        model_type=name,
        model=BERT,
        read=read,
        write=write,
        rules=rules,
        prefix=f"{name}.",
        without_prefix=without_prefix,
        # Only for LayerNorm: other models have parameters named gamma elsewhere.
        respelled=((r"LayerNorm\.gamma$", "LayerNorm.weight"), (r"LayerNorm\.beta$", "LayerNorm.bias")),
        ignored=re.compile(rf"^{name}\.embeddings\.(position_ids|token_type_ids)$"),
        task_heads=re.compile(r"^(classifier|qa_outputs)\."),
        copies={
            f"{DECODER[name]}.weight": f"{name}.embeddings.word_embeddings.weight",
            f"{DECODER[name]}.bias": f"{HEAD[name]}bias",
        },
    )


BERT_FAMILY = _family("bert", ("cls.",))
ROBERTA_FAMILY = _family("roberta", ("lm_head.",))
