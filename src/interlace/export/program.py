"""A run's model as one function of tensors, with its inputs, for torch.export and ONNX."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.data.datamodule import DataModule
from interlace.errors import UserError
from interlace.export.about import ProgramInput, input_names
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import ModalitySpec, RawBatch

BATCH = "batch"
DTYPES: Mapping[str, torch.dtype] = {
    "int64": torch.int64, "uint8": torch.uint8, "float32": torch.float32, "bool": torch.bool,
}  # fmt: skip
OF_KIND = {"text": "int64", "image": "uint8", "audio": "float32", "features": "float32", "video": "uint8",
           "graph": "float32"}  # fmt: skip
INT16 = 32768.0  # a sound's samples as int16 are these parts of the float range


class Program(nn.Module):
    """The model of a run as a function of tensors in the order of `inputs`, which returns tensors named `outputs`.

    The first output is that of the head, such as logits (B, C), in float32; "probabilities" follow where the answers
    are softmax or sigmoid of it, then the outputs of further labels. With `encoder`, the name of a modality, the
    outputs are the tokens (B, N, D) of its encoder and their mask (B, N).
    """

    def __init__(
        self, model: MultimodalModel, data: DataModule, specs: Mapping[str, ModalitySpec], encoder: str | None
    ) -> None:
        super().__init__()
        self.model = model
        self.model.frozen.clear()  # an encoder that was not trained is computed as it stands, whatever the batch
        self.learning = data.spec.learning
        self.encoder = encoder
        self.further = [] if model.multitask is None else list(model.multitask.labels)
        self.has_classes = data.spec.has_softmax
        self.has_probabilities = self.has_classes or data.spec.has_sigmoid
        chosen = specs if encoder is None else {encoder: specs[encoder]}
        self.inputs = inputs_of(chosen)
        self.outputs = self._outputs()

    def _outputs(self) -> list[str]:
        if self.encoder is not None:
            return ["tokens", "mask"]
        main = ["logits", "probabilities"] if self.has_probabilities else ["outputs"]
        return [*main, *(f"further_{index + 1}" for index in range(len(self.further)))]

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for tensors in the order of `inputs`."""
        raw = raw_batches(self.inputs, tensors)
        if self.encoder is not None:
            tokens = self.model.encode(raw)[self.encoder]
            return tokens.x.float(), tokens.mask
        output, fused = self.model(raw)
        output = output.float()
        main = (output, self.learning.activate(output)) if self.has_probabilities else (output,)
        return (*main, *(fused.aux[f"task/{name}"].float() for name in self.further))


def inputs_of(specs: Mapping[str, ModalitySpec]) -> list[ProgramInput]:
    """Return the inputs of modalities: values, number of real items (of sequences), presence."""
    names = input_names(specs)
    found = []
    for modality, spec in specs.items():
        name, axis = names[modality], f"{names[modality]}_length"
        sequence = spec.kind != "image"
        # The columns of a graph count its nodes too, so that its size is fixed.
        fixed = spec.kind in ("image", "graph")
        shape: list[int | str] = [BATCH, *([*spec.shape] if fixed else [axis, *spec.shape[1:]])]
        longest = spec.shape[0] if sequence else None
        shortest = spec.shape[0] if spec.kind == "graph" else 1
        about: dict[str, Any] = {"modality": modality, "shape": [BATCH]}
        found.append(
            ProgramInput(
                name=name, modality=modality, part="x", dtype=OF_KIND[spec.kind], shape=shape,  # type: ignore[arg-type]
                shortest=shortest, longest=longest,
            )
        )  # fmt: skip
        if sequence:
            found.append(ProgramInput(name=axis, part="length", dtype="int64", **about))
        found.append(ProgramInput(name=f"{name}_present", part="present", dtype="bool", **about))
    return found


def raw_batches(inputs: Sequence[ProgramInput], tensors: Sequence[Tensor]) -> dict[str, RawBatch]:
    """Return the batch of each modality from tensors in the order of `inputs`."""
    parts: dict[str, dict[str, Tensor]] = {}
    for each, tensor in zip(inputs, tensors, strict=True):
        parts.setdefault(each.modality, {})[each.part] = tensor
    return {
        name: RawBatch(found["x"], found.get("length", found["present"].long()), found["present"])
        for name, found in parts.items()
    }


def tensors_of(inputs: Sequence[ProgramInput], raw: Mapping[str, RawBatch]) -> list[Tensor]:
    """Return the tensors of a batch in the order of `inputs`, padded with zeros to the shortest shape of each.

    Raises UserError for a longer sequence than the program takes.
    """
    return [_tensor(each, raw[each.modality]) for each in inputs]


def _tensor(each: ProgramInput, batch: RawBatch) -> Tensor:
    value = getattr(batch, each.part)
    if each.part != "x":
        return value.to(DTYPES[each.dtype])
    value = value / INT16 if value.dtype == torch.int16 else value
    if each.longest is not None and value.shape[1] > each.longest:
        raise UserError(f"{each.modality}: {value.shape[1]} items, and the export takes up to {each.longest}")
    wanted = [size if isinstance(size, int) else each.shortest for size in each.shape[1:]]
    missing = [max(0, size - have) for size, have in zip(wanted, value.shape[1:], strict=True)]
    padding = [amount for size in reversed(missing) for amount in (0, size)]
    return F.pad(value, padding).to(DTYPES[each.dtype]) if any(missing) else value.to(DTYPES[each.dtype])


def example(program: Program, batch_size: int) -> list[Tensor]:
    """Return a batch of noise at the longest lengths, in which every modality is present."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for each in program.inputs:
        longest = each.longest or 1
        shape = [size if isinstance(size, int) else longest for size in each.shape[1:]]
        if each.part == "present":
            found.append(torch.ones(batch_size, dtype=torch.bool))
        elif each.part == "length":
            longest = next(x.longest or 1 for x in program.inputs if x.modality == each.modality and x.part == "x")
            found.append(torch.full((batch_size,), longest))
        elif each.dtype in ("int64", "uint8"):
            found.append(torch.randint(0, 2, (batch_size, *shape), generator=generator).to(DTYPES[each.dtype]))
        else:
            found.append(torch.randn((batch_size, *shape), generator=generator) * 0.1)
    return found
