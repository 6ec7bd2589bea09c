"""Reading of config.json in Hugging Face's layout."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from interlace.errors import UserError
from interlace.inputs import note
from interlace.nn.feed_forward import Activation
from interlace.reading.documents import read_json

Value = TypeVar("Value")

# Hugging Face's names of activations -> names here. "gelu" is exact; the other three are the tanh approximation.
ACTIVATIONS: Mapping[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "relu2": "relu_squared",
    "silu": "silu",
    "swish": "silu",
}
ACTIVATION_NAMES: Mapping[Activation, str] = {
    "gelu": "gelu",
    "gelu_tanh": "gelu_new",
    "relu": "relu",
    "relu_squared": "relu2",
    "silu": "silu",
}
EXPECTED: Mapping[type, str] = {
    int: "a whole number of 0 or more",
    float: "a number of 0 or more",
    bool: "true or false",
    str: "text",
}
_REQUIRED = object()


class ConfigFile:
    """Options of a config.json, read by name and type."""

    def __init__(self, path: Path) -> None:
        self.path = path
        note(path)
        try:
            content = read_json(path)
        except FileNotFoundError:
            raise UserError(f"{path}: not found; expected a directory with config.json and model.safetensors") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not valid JSON ({error}); download it again") from None
        if not isinstance(content, dict):
            raise UserError(f"{path}: expected an object of options, got {type(content).__name__}; download it again")
        self.content: dict[str, Any] = content

    def get(self, name: str, kind: type[Value], default: Any = _REQUIRED) -> Value:
        """Return an option of a type (a float may be written as an int); `default` if it is missing or null."""
        value = self.content.get(name)
        if value is None:
            if default is _REQUIRED:
                raise UserError(f"{self.path}: {name} is missing, but this model_type needs it; download it again")
            return default
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or (isinstance(value, int | float) and value < 0):
            raise UserError(f"{self.path}: {name} is {value!r}; expected {EXPECTED[kind]}")
        return value

    def activation(self, name: str) -> Activation:
        """Return the activation that option `name` holds by its Hugging Face name."""
        return self.known_activation(name, self.get(name, str))

    def known_activation(self, name: str, value: str) -> Activation:
        """Return the activation for the Hugging Face name `value` of option `name`."""
        if value not in ACTIVATIONS:
            raise UserError(f"{self.path}: {name} is {value!r}; supported activations are {', '.join(ACTIVATIONS)}")
        return ACTIVATIONS[value]

    def refuse_unless(self, name: str, usual: Any) -> None:
        """Raise UserError if an option has another value than `usual` and so selects an unsupported architecture."""
        value = self.content.get(name, usual)
        if value != usual and value is not None:
            raise UserError(f"{self.path}: {name} is {value!r}, but only {usual!r} is supported; use another model")

    def architecture(self) -> str:
        """Return the model class named in the file, "" if there is none."""
        found = self.content.get("architectures")
        return str(found[0]) if isinstance(found, list) and found else ""
