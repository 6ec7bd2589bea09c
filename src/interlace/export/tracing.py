"""torch.export programs and ONNX models of a `Program`, with dynamic batch size and lengths."""

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interlace.errors import UserError, one_line
from interlace.export.about import ProgramInput
from interlace.export.program import BATCH, Program, example
from interlace.reading.files import read_bytes

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
# Sizes of the batch that is traced; one that no other dimension has, which could be taken for the same.
SIZES = (7, 11, 13, 17, 19, 23)

Apply = Callable[[Sequence[Tensor]], list[Tensor]]


def check_installed(packages: Sequence[str] = PACKAGES) -> None:
    """Raise UserError where a package of the extra `onnx` is not installed."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"ONNX needs {' and '.join(missing)}; install them: pip install 'interlace[onnx]'")


def trace(program: Program) -> tuple[Any, list[ProgramInput]]:
    """Return the torch.export program, and its inputs with the lengths that it takes.

    An axis whose length the model depends on in a way that cannot be traced is fixed to its longest; shorter inputs are
    padded, which changes nothing. Raises UserError for a model that cannot be traced, or not with a dynamic batch.
    """
    tensors = example(program, _batch_size(program))
    auto = torch.export.Dim.AUTO
    dims = [
        {0: auto, **({1: auto(max=each.longest)} if len(each.shape) > 1 and isinstance(each.shape[1], str) else {})}
        for each in program.inputs
    ]
    try:
        with torch.no_grad(), quiet():
            traced = torch.export.export(program, tuple(tensors), dynamic_shapes={"tensors": tuple(dims)})
    except UserError:
        raise
    except Exception as error:  # of several kinds; the message says what the model does
        raise UserError(
            f"torch.export cannot trace the model ({_first_line(error)}); take --format safetensors"
        ) from None
    return traced, _bounded(traced, program.inputs)


def save_torch(traced: Any, path: Path) -> None:
    """Write a torch.export program (.pt2)."""
    with quiet():
        torch.export.save(traced, path)


def save_onnx(traced: Any, program: Program, path: Path) -> None:
    """Write an ONNX model. Raises UserError where an operator of the model has no counterpart."""
    check_installed()
    try:
        with quiet():
            made = torch.onnx.export(
                traced,
                dynamo=True,
                verbose=False,
                input_names=[each.name for each in program.inputs],
                output_names=program.outputs,
            )
            assert made is not None
            _name_axes(made, program.inputs)
            made.save(path, external_data=False)
    except Exception as error:  # of several kinds
        raise UserError(f"ONNX cannot hold the model ({_first_line(error)}); take --format torch_export") from None


def open_torch(path: Path) -> Apply:
    """Return the function of a torch.export program. Its file may run code when it is opened."""
    with quiet():
        module = torch.export.load(path).module()

    def apply(tensors: Sequence[Tensor]) -> list[Tensor]:
        with torch.no_grad():
            return list(module(*tensors))

    return apply


def open_onnx(path: Path, names: Sequence[str]) -> Apply:
    """Return the function of an ONNX model with these inputs, run by onnxruntime on the CPU."""
    check_installed(("onnxruntime",))
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        content = read_bytes(path, "array_bytes")
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # onnxruntime's own kinds
        raise UserError(f"{path}: not a model that onnxruntime opens ({one_line(error)})") from None
    # An input that the model does not depend on is left out of the graph.
    known = {each.name for each in session.get_inputs()}

    def apply(tensors: Sequence[Tensor]) -> list[Tensor]:
        given = {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True) if name in known}
        return [torch.from_numpy(np.asarray(each)) for each in session.run(None, given)]

    return apply


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back the warnings and log lines of the exporters, which are about their own code."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.onnx", "onnxscript", "onnx_ir")]
    levels = [each.level for each in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for each in loggers:
                each.setLevel(logging.ERROR)
            yield
        finally:
            for each, level in zip(loggers, levels, strict=True):
                each.setLevel(level)


def _batch_size(program: Program) -> int:
    taken = {size for each in program.inputs for size in (each.longest, *each.shape)}
    return next((size for size in SIZES if size not in taken), SIZES[-1] * 2)


def _bounded(traced: Any, inputs: Sequence[ProgramInput]) -> list[ProgramInput]:
    """Return the inputs with the shortest and longest length that the program takes."""
    nodes = {node.name: node for node in traced.graph.nodes if node.op == "placeholder"}
    shapes = [nodes[name].meta["val"].shape for name in traced.graph_signature.user_inputs]
    found = []
    for each, shape in zip(inputs, shapes, strict=True):
        if isinstance(shape[0], int) or shape[0].node.expr.is_number:
            raise UserError("torch.export fixes the size of the batch for this model; take --format safetensors")
        if len(each.shape) < 2 or isinstance(each.shape[1], int):
            found.append(each)
            continue
        low, high = _range(traced, shape[1])
        if high < (each.longest or 0):
            raise UserError(f"torch.export traces {each.modality} up to {high} items only; take --format safetensors")
        fixed = {"shape": [each.shape[0], low, *each.shape[2:]]} if low == high else {}
        found.append(each.model_copy(update={"shortest": low, **fixed}))
    return found


def _range(traced: Any, size: Any) -> tuple[int, int]:
    """Return the least and the greatest length of an axis; two is told of axes that may have one item as well."""
    if isinstance(size, int) or size.node.expr.is_number:
        return int(size), int(size)
    if not size.node.expr.is_Symbol:
        raise UserError("torch.export traces lengths of a certain divisor only; take --format safetensors")
    bounds = traced.range_constraints[size.node.expr]
    high = int(bounds.upper) if bounds.upper.is_finite else 2**31
    return (1 if bounds.lower <= 2 else int(bounds.lower)), high


def _name_axes(made: Any, inputs: Sequence[ProgramInput]) -> None:
    """Give the dynamic axes of an ONNX model the names of `inputs`."""
    by_name = {each.name: each for each in inputs}
    names: dict[str, str] = {}
    for value in made.model.graph.inputs:
        for size, wanted in zip(value.shape or (), by_name[value.name].shape, strict=False):
            if not isinstance(size, int) and isinstance(wanted, str):
                names[str(size)] = BATCH if wanted == BATCH else wanted
    made.rename_axes(names)


def _first_line(error: BaseException) -> str:
    text = str(error.__cause__ or error) if str(error).startswith("Failed to") else str(error)
    line = next((line.strip() for line in text.split("\n") if line.strip()), type(error).__name__)
    return one_line(ValueError(line))[:300]
