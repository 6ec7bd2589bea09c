"""Registry of the supported families of checkpoints."""

from collections.abc import Mapping

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.pretrained.bert import BERT_FAMILY, ROBERTA_FAMILY
from interlace.pretrained.config_file import ConfigFile
from interlace.pretrained.family import Family
from interlace.pretrained.gpt2 import GPT2_FAMILY
from interlace.pretrained.t5 import T5_FAMILY

FAMILIES: Mapping[str, Family] = {
    family.model_type: family for family in (BERT_FAMILY, ROBERTA_FAMILY, GPT2_FAMILY, T5_FAMILY)
}


def family_of_file(config: ConfigFile) -> Family:
    """Return the family by `model_type` or, in files without it, by the model class."""
    model_type = config.get("model_type", str, "")
    if not model_type:
        model_type = next((name for name in FAMILIES if config.architecture().lower().startswith(name + "for")), "")
        config.content["model_type"] = model_type
    if model_type not in FAMILIES:
        raise UserError(
            f"{config.path}: model_type is {model_type or None!r}; supported families are {', '.join(FAMILIES)}"
        )
    return FAMILIES[model_type]


def family_of_model(model: LanguageModel) -> Family:
    """Return the family in whose format a model can be written."""
    for family in FAMILIES.values():
        if isinstance(model, family.model) and model.family in (family.model_type, "gpt"):
            return family
    raise UserError(f"a {model.family} model has no counterpart in Hugging Face's layout; export a bert, roberta, "
                    "gpt or t5 model")  # fmt: skip
