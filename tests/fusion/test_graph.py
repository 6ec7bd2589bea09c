"""Typed graph attention against Hu et al. 2020's equations, edge by edge."""

import math
from collections import defaultdict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from interlace import fusion
from interlace.errors import UserError
from interlace.fusion.graph import GraphFusion, GraphLayer, Relation, edge_types
from interlace.tokens import Tokens

WIDTHS = {"image": 5, "text": 4, "audio": 3}
Node = tuple[int, int]  # modality, and token (-1: the modality's node)


@pytest.mark.parametrize("topology", ["star", "complete"])
def test_it_is_message_passing_over_a_list_of_edges(topology: str, padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("graph", in_dims=WIDTHS, dim=8, num_layers=3, num_heads=2, topology=topology).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    lengths = [[3, 2, 0, 4, 0], [1, 3, 2, 0, 0], [2, 1, 4, 0, 0]]
    tokens = {name: padded(n, width) for (name, width), n in zip(WIDTHS.items(), lengths, strict=True)}
    pooled = module(tokens).pooled
    for row in range(5):
        alone = [Tokens(*(part[row] for part in each)) for each in tokens.values()]
        torch.testing.assert_close(pooled[row], one_graph(module, alone), rtol=1e-10, atol=1e-10)


def one_graph(module: GraphFusion, tokens: list[Tokens]) -> Tensor:
    """One example by loops over nodes and edges, without batches, masks or blocks."""
    states: dict[Node, Tensor] = {}
    for m, each in enumerate(tokens):
        if each.present:
            own = [module.adapters[m](x) for x, real in zip(each.x, each.mask, strict=True) if real]
            states |= {(m, i): x for i, x in enumerate(own)}
            states[m, -1] = torch.stack(own).mean(0) + module.modalities.weight[m]
    for layer in module.layers:
        states = message_passing(layer, states)
    nodes = [module.norm(x) for (_, token), x in states.items() if token < 0]
    return torch.stack(nodes).mean(0) if nodes else torch.zeros(module.dim, dtype=torch.float64)


def message_passing(layer: GraphLayer, states: dict[Node, Tensor]) -> dict[Node, Tensor]:
    arriving = defaultdict(list)
    for source in states:
        for target in states:
            relation = relation_of(source, target, layer.topology)
            if relation is not None:
                arriving[target].append((source, layer.relations[relation]))
    result = dict(states)
    normed = {node: layer.norm(x) for node, x in states.items()}
    for target, edges in arriving.items():
        m = target[0]
        q = layer.queries[m](normed[target]).chunk(layer.num_heads)
        heads = []
        for h in range(layer.num_heads):
            scores, messages = [], []
            for source, index in edges:
                k, v = layer.keys_values[source[0]](normed[source]).chunk(2)
                k, v = k.chunk(layer.num_heads)[h], v.chunk(layer.num_heads)[h]
                a, p = layer.transforms[index, :, h]
                scores.append((k @ a) @ q[h] * layer.priors[index, h] / math.sqrt(len(q[h])))
                messages.append(v @ p)
            heads.append(torch.stack(scores).softmax(0) @ torch.stack(messages))
        result[target] = states[target] + layer.outputs[m](F.gelu(torch.cat(heads)))
    return result


def relation_of(source: Node, target: Node, topology: str | None) -> Relation | None:
    from_node, to_node, own = source[1] < 0, target[1] < 0, source[0] == target[0]
    if to_node:
        kind = "across" if from_node else "up"
        return Relation(kind, source[0], target[0]) if from_node or own else None
    if topology is None or (from_node and not own):
        return None
    if from_node:
        return Relation("down", source[0], target[0])
    if topology == "complete" or source == target:
        return Relation("token", source[0], target[0])
    return None


def test_edge_types_are_one_an_ordered_pair() -> None:
    assert len(edge_types(3, None)) == 3 + 9
    assert len(edge_types(3, "star")) == 3 + 9 + 3 + 3
    assert len(edge_types(3, "complete")) == 3 + 9 + 3 + 9


def test_star_costs_grow_linearly_and_complete_ones_quadratically() -> None:
    costs = {}
    for topology in ("star", "complete"):
        module = fusion.build("graph", in_dims={"a": 64, "b": 64}, topology=topology)
        costs[topology] = [module.flops({"a": n, "b": n}) for n in (1000, 2000, 4000)]
    first, second, third = costs["star"]
    assert third - second == 2 * (second - first)
    first, second, third = costs["complete"]
    assert third - second > 3 * (second - first)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(UserError, match="dim=10 cannot be split into 4"):
        fusion.build("graph", in_dims={"a": 4}, dim=10)
