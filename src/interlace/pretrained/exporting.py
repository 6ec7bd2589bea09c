"""Export of language models to directories in Hugging Face's layout."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.folders import whole_folder
from interlace.models.base import LanguageModel
from interlace.pretrained.families import family_of_model
from interlace.pretrained.rules import to_file
from interlace.pretrained.weights import SAFETENSORS


def export(model: LanguageModel, tokenizer: TextTokenizer | None, directory: str | Path) -> None:
    """Write model.safetensors, config.json and, with a tokenizer, its files and generation_config.json.

    With the directory, transformers computes equal logits, encodes texts to the same ids and generates the same tokens.
    It is written atomically. Raises UserError when it exists and is not empty, and for models without a class in
    Hugging Face's library.
    """
    directory = Path(directory)
    family = family_of_model(model)
    config = family.write(model)
    if tokenizer is not None:
        config |= {"bos_token_id": tokenizer.bos_id, "eos_token_id": tokenizer.separator_id}
    elif family.model_type == "gpt2":
        config |= {"bos_token_id": None, "eos_token_id": None}  # transformers' default may exceed a small vocabulary
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    rules = family.rules(model.options)
    unknown = sorted(set(state) - {entry.parameter for entry in rules})
    if unknown:
        raise UserError(f"the model has parameters that Hugging Face's {family.model_type} lacks, such as "
                        f"{unknown[0]}; merge adapters into its weights first")  # fmt: skip
    if tokenizer is not None and len(tokenizer) > model.vocabulary_size:
        raise UserError(f"the tokenizer has {len(tokenizer)} entries and the model {model.vocabulary_size}; "
                        "give the tokenizer that the model was trained with")  # fmt: skip
    tensors = to_file(rules, state)
    dtypes = {str(value.dtype).removeprefix("torch.") for value in tensors.values()}
    config["dtype"] = dtypes.pop() if len(dtypes) == 1 else "float32"
    if (directory.is_dir() and any(directory.iterdir())) or directory.is_file():
        raise UserError(f"{directory}: already exists and is not empty; choose another directory or remove it first")
    try:
        with whole_folder(directory) as temporary:
            save_file(tensors, temporary / SAFETENSORS, metadata={"format": "pt"})
            _write_json(temporary / "config.json", config)
            if tokenizer is not None:
                tokenizer.save_for(
                    temporary, model.direction, max_length=model.max_length, num_token_types=model.num_token_types
                )
                if model.direction != "masked":
                    _write_json(temporary / "generation_config.json", _generation(model, config, len(tokenizer)))
    except OSError as error:
        raise UserError(f"{directory}: cannot be written ({error.strerror or error}); choose another one") from error


def _generation(model: LanguageModel, config: dict[str, Any], num_tokens: int) -> dict[str, Any]:
    """Return generation_config.json: special ids, and the unused rows of a padded vocabulary, to be suppressed."""
    names = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
    unused = list(range(num_tokens, model.vocabulary_size))
    return {name: config[name] for name in names if name in config} | ({"suppress_tokens": unused} if unused else {})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
