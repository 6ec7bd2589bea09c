"""Parameter groups: weight decay and layer-wise learning rates."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from torch import nn

# `layers.3.` and similar names: a numbered element of a stack.
_LAYER = re.compile(r"(?P<stack>(?:^|.*?\.)(?:layers|blocks|layer|h))\.(?P<index>\d+)\.")
# `lstm.weight_ih_l1` and similar names: a recurrent module of torch is a stack of its layers.
_RECURRENT = re.compile(r"(?P<stack>.*)\.(?:weight|bias)_(?:ih|hh|hr)_l(?P<index>\d+)(?:_reverse)?$")
_EMBEDDING = re.compile(r"(?:^|[._])(?:embed|embedding|embeddings|position|positions|wte|wpe)(?:[._]|$)")


def decay_groups(
    module: nn.Module,
    weight_decay: float,
    *,
    learning_rate: float | None = None,
    layer_decay: float | None = None,
    leave_out: Collection[int] = (),
) -> list[dict[str, Any]]:
    """Return groups of the trainable parameters: weight decay for matrices, none for biases, gains, single vectors and
    embeddings.

    With `layer_decay` = d every layer has separate groups with the rate `learning_rate` * d^n for the n-th layer below
    the top of its stack (see `layers_below_top`): Howard and Ruder 2018, section 3.2, use d = 1 / 2.6; ELECTRA (Clark
    et al. 2020, appendix B) and later fine-tuning recipes 0.65 to 0.9. `leave_out` holds the ids of parameters to leave
    out.
    """
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad and id(p) not in leave_out]
    depths = dict.fromkeys((n for n, _ in named), 0)
    if layer_decay is not None:
        tables = {name for name, p in module.named_parameters() if id(p) in embeddings}
        depths = layers_below_top((name for name, _ in module.named_parameters()), embeddings=tables)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = defaultdict(list)
    for name, p in named:
        groups[depths[name], not (p.ndim >= 2 and id(p) not in embeddings)].append(p)
    result = []
    for depth, no_decay in sorted(groups):
        group: dict[str, Any] = {"params": groups[depth, no_decay], "weight_decay": 0.0 if no_decay else weight_decay}
        if layer_decay is not None:
            assert learning_rate is not None, "layer-wise decay scales a learning rate"
            group["lr"] = learning_rate * layer_decay**depth
        result.append(group)
    return result


def layer_index(name: str) -> tuple[str, int] | None:
    """Return stack and layer index of a parameter, ("encoder.layers", 3) for "encoder.layers.3.norm.weight"; else None.

    By convention a stack is a ModuleList named `layers`, `blocks`, `layer` or `h`; of nested ones the outer one counts.
    Layers of torch's recurrent modules are recognised by the names of their weights.
    """
    found = _LAYER.match(name) or _RECURRENT.match(name)
    return None if found is None else (found["stack"], int(found["index"]))


def layers_below_top(names: Iterable[str], embeddings: Collection[str] = ()) -> dict[str, int]:
    """Return the depth of each parameter below the top of the model, in layers.

    0 for parameters outside the stacks (heads, final norms); 1 for the last layer of a stack of L; L for its first;
    L + 1 for embeddings (those listed, and names with a component such as `embedding` or `positions`), with L of the
    deepest stack under the same top-level name, or of all stacks if there is none under that name.
    """
    names = list(names)
    indices = {name: layer_index(name) for name in names}
    heights: dict[str, int] = defaultdict(int)
    for index in indices.values():
        if index is not None:
            heights[index[0]] = max(heights[index[0]], index[1] + 1)
    depths = {}
    for name, index in indices.items():
        if index is not None:
            depths[name] = heights[index[0]] - index[1]
        elif name in embeddings or _EMBEDDING.search(name):
            root = name.split(".")[0] + "."
            nearby = [height for stack, height in heights.items() if stack.startswith(root)] or list(heights.values())
            depths[name] = max(nearby, default=0) + 1
        else:
            depths[name] = 0
    return depths
