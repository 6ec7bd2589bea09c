"""What must be known of a family of checkpoints to read and write it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interlace.models.base import LanguageModel
from interlace.pretrained.config_file import ConfigFile
from interlace.pretrained.rules import Rule
from interlace.pretrained.weights import Weights

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Family:
    """One `model_type`.

    `read(config, weights)` gives the constructor's options, the vocabulary and pad_id among them; `write(model)` the
    content of config.json, UserError when Hugging Face has no such model; `rules(options)` the names of parameters.
    `prefix` may be left out in files, by what starts with one of `without_prefix` it always is. `respelled` are old
    spellings (pattern, replacement); `ignored` are tensors that are no parameters; `copies` are names whose tensor
    must equal that of another name; `task_heads` belong to classifiers and the like built on the model.
    """

    model_type: str
    model: type[LanguageModel]
    read: Callable[[ConfigFile, Weights], dict[str, Any]]
    write: Callable[[LanguageModel], dict[str, Any]]
    rules: Callable[[Options], list[Rule]]
    prefix: str = ""
    without_prefix: tuple[str, ...] = ()
    respelled: tuple[tuple[str, str], ...] = ()
    ignored: re.Pattern[str] = re.compile(r"(?!)")
    task_heads: re.Pattern[str] = re.compile(r"(?!)")
    copies: Mapping[str, str] = field(default_factory=dict)

    def canonical(self, weights: Weights) -> Weights:
        """Weights under the names that the rules use: new spellings, with the prefix."""
        prefixed = not self.prefix or any(name.startswith(self.prefix) for name in weights)

        def change(name: str) -> str:
            for old, new in self.respelled:
                name = re.sub(old, new, name)
            bare = prefixed or name.startswith(self.without_prefix) or self.task_heads.search(name)
            return name if bare else self.prefix + name

        return weights.renamed(change)
