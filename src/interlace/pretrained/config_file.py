"""config.json of Hugging Face's layout."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from interlace.errors import UserError
from interlace.inputs import note
from interlace.nn.feed_forward import Activation
from interlace.reading.documents import read_json

Value = TypeVar("Value")

# Their names of activations and ours. "gelu" is exact; the others are the tanh approximation in three spellings.
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
    """Values of a config.json, each asked for by name and type."""

    def __init__(self, path: Path) -> None:
        self.path = path
        note(path)
        try:
            content = read_json(path)
        except FileNotFoundError:
            raise UserError(f"{path}: not there; expected a directory with config.json and model.safetensors") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not valid JSON ({error}); fetch it anew") from None
        if not isinstance(content, dict):
            raise UserError(f"{path}: expected an object of options, got {type(content).__name__}; fetch it anew")
        self.content: dict[str, Any] = content

    def get(self, name: str, kind: type[Value], default: Any = _REQUIRED) -> Value:
        """An option of a type (a float may be written as an int); `default` when it is absent or null."""
        value = self.content.get(name)
        if value is None:
            if default is _REQUIRED:
                raise UserError(f"{self.path}: {name} is missing, and this model_type needs it; fetch the file anew")
            return default
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or (isinstance(value, int | float) and value < 0):
            raise UserError(f"{self.path}: {name} is {value!r}; expected {EXPECTED[kind]}")
        return value

    def activation(self, name: str) -> Activation:
        """An activation by its Hugging Face name."""
        return self.known_activation(name, self.get(name, str))

    def known_activation(self, name: str, value: str) -> Activation:
        """`value` of option `name` as an activation of ours."""
        if value not in ACTIVATIONS:
            raise UserError(f"{self.path}: {name} is {value!r}; known activations are {', '.join(ACTIVATIONS)}")
        return ACTIVATIONS[value]

    def refuse_unless(self, name: str, usual: Any) -> None:
        """UserError when an option changes the architecture into one that is not ours."""
        value = self.content.get(name, usual)
        if value != usual and value is not None:
            raise UserError(f"{self.path}: {name} is {value!r}, and only {usual!r} is supported")

    def architecture(self) -> str:
        """The class that wrote the file, "" when it is not said."""
        found = self.content.get("architectures")
        return str(found[0]) if isinstance(found, list) and found else ""
