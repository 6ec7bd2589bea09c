"""Description of a family of checkpoints, for reading and writing it."""

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
    """Family of checkpoints with one `model_type`.

    `read(config, weights)` returns the constructor's options, including vocabulary size and pad_id; `write(model)` the
    content of config.json, or raises UserError when Hugging Face has no such model; `rules(options)` the names of
    parameters. `prefix` may be missing in files; names that start with one of `without_prefix` never have it.
    `respelled` are old spellings (pattern, replacement); `ignored` are tensors that are not parameters; `copies` maps
    names to the name whose tensor they must equal; `task_heads` are heads of other tasks, such as classifiers.
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
        """Return the weights under the names of the rules: current spellings, with the prefix."""
        prefixed = not self.prefix or any(name.startswith(self.prefix) for name in weights)

        def change(name: str) -> str:
            for old, new in self.respelled:
                name = re.sub(old, new, name)
            bare = prefixed or name.startswith(self.without_prefix) or self.task_heads.search(name)
            return name if bare else self.prefix + name

        return weights.renamed(change)
