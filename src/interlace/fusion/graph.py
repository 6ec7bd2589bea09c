"""Typed graph attention over tokens and modalities."""

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.errors import UserError
from interlace.fusion.base import Fusion, mean_over_present, presence
from interlace.fusion.late import equal_weights
from interlace.nn.attention import key_mask, zero_masked
from interlace.nn.pooling import masked_mean
from interlace.nn.precision import weight_dtype
from interlace.nn.scaled_dot_product import attend
from interlace.tokens import Fused, Tokens

Topology = Literal["star", "complete"]


class Relation(NamedTuple):
    """A type of edge: what it joins, and the modalities of its source and its target.

    `kind`: "up" token -> modality node, "across" modality node -> modality node, "down" modality node -> token,
    "token" token -> token ("star": each token to itself alone).
    """

    kind: Literal["up", "across", "down", "token"]
    source: int
    target: int


class GraphFusion(Fusion):
    """Attention over a graph whose nodes and edges have types (heterogeneous graph transformer, Hu et al. 2020,
    eqs. 3-5; over modalities and their tokens as in MTAG, Yang et al. 2021).

    Nodes: each real token, X_m = W_m x_m + b_m (B, N_m, D), and one node a modality that is there, which starts
    as the mean of its tokens + e_m. Edges: token -> its modality ("up"), modality -> modality, itself included
    ("across", one type an ordered pair), modality -> its tokens ("down"), and between tokens ("token"): "star"
    each to itself only, so that modalities meet at their nodes and the cost is linear in N; "complete" every token
    to every token, one type an ordered pair of modalities. What is missing has neither nodes nor edges.

    For an edge s -> t of type r, head i of width d = D / H, y = LayerNorm(x):
    score = (K y_s)_i A_r,i . (Q y_t)_i mu_r,i / sqrt(d), softmax over all edges into t; message = (V y_s)_i P_r,i;
    x_t <- x_t + O GELU(sum of weighted messages). Q, K, V, O belong to a modality, A, P (d, d) and mu to an edge
    type. The last layer updates the modality nodes only. h (B, D) = mean over the present m of LayerNorm(node m);
    `Fused.tokens` (B, M, D) are the modality nodes. All missing: h is zero.

    Unlike HGT: LayerNorm before each layer, A and P start as the identity, no relative temporal encoding. Unlike MTAG:
    no edge types by order in time, and no pruning of edges.

    Parameters, S = sum_m d_m, R_1 = edge types, R_0 = those into modality nodes (M^2 + M), star R_1 = R_0 + 2 M,
    complete R_1 = R_0 + M + M^2; R = (L - 1) R_1 + R_0:
    D S + M D + M D + L (4 M (D^2 + D) + 2 D) + R (2 D^2 / H + H) + 2 D.
    FLOPs, N = sum_m (N_m + 1): 2 D sum_m N_m d_m + (L - 1) 8 N D^2 + 4 N D^2 + 4 M D^2
    + 4 D^2 / H (L (M^2 + M) + (L - 1) R_t) + 4 D (L (sum_m N_m + M^2) + (L - 1) E_t): vectors turned for an edge type
    (for tokens -> node the one query and the one sum in place of the tokens), and edges. Into tokens, star:
    R_t = M + sum_m N_m, E_t = 2 sum_m N_m; complete: R_t = M + M sum_m N_m, E_t = (1 + sum_m N_m) sum_m N_m.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_layers: Annotated[int, Field(ge=1)],
        num_heads: Annotated[int, Field(ge=1)],
        topology: Topology,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        if dim % num_heads:
            raise UserError(f"GraphFusion: dim={dim} cannot be split into {num_heads} equal heads; choose a divisor")
        self.num_heads = num_heads
        self.topology = topology
        self.adapters = self.make_adapters()
        self.modalities = nn.Embedding(len(in_dims), dim)
        nn.init.normal_(self.modalities.weight, std=0.02)
        last = num_layers - 1
        self.layers = nn.ModuleList(
            GraphLayer(
                count=len(in_dims),
                dim=dim,
                num_heads=num_heads,
                topology=topology if depth < last else None,
                dropout=dropout,
            )
            for depth in range(num_layers)
        )
        self.norm = nn.LayerNorm(dim)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        present = presence(tokens)
        masks = [each.mask for each in tokens]
        x = [zero_masked(adapter(each.x), each.mask) for adapter, each in zip(self.adapters, tokens, strict=True)]
        means = torch.stack([masked_mean(each, mask) for each, mask in zip(x, masks, strict=True)], 1)
        nodes = zero_masked(means + self.modalities.weight, present)  # (B, M, D)
        for layer in self.layers:
            nodes, x = layer(nodes, present, x, masks)
        nodes = zero_masked(self.norm(nodes), present)
        return Fused(
            nodes,
            present,
            mean_over_present(nodes, present),
            None,
            {"weights": equal_weights(present, weight_dtype(self))},
        )

    def expected_parameters(self) -> int:
        count, dim = len(self.in_dims), self.dim
        depth = len(self.layers)
        into_nodes = count * count + count
        types = into_nodes + (2 * count if self.topology == "star" else count + count * count)
        relations = (depth - 1) * types + into_nodes
        each = 2 * dim * dim // self.num_heads + self.num_heads
        layers = depth * (4 * count * (dim * dim + dim) + 2 * dim) + relations * each
        return self.adapter_parameters() + count * dim + layers + 2 * dim

    def flops(self, num_tokens: dict[str, int]) -> int:
        count, dim, depth = len(self.in_dims), self.dim, len(self.layers)
        lengths = [num_tokens[name] for name in self.names]
        total, nodes = sum(lengths), sum(lengths) + count
        square = dim * dim
        projections = (depth - 1) * 8 * nodes * square + 4 * nodes * square + 4 * count * square
        if self.topology == "star":
            turned_into_tokens, edges_into_tokens = count + total, 2 * total
        else:
            turned_into_tokens, edges_into_tokens = count + count * total, total * (1 + total)
        turned = depth * (count * count + count) + (depth - 1) * turned_into_tokens
        edges = depth * (total + count * count) + (depth - 1) * edges_into_tokens
        return self.adapter_flops(num_tokens) + projections + 4 * turned * square // self.num_heads + 4 * edges * dim


class GraphLayer(nn.Module):
    """One round of messages among M modalities; `topology` None: into the modality nodes only.

    Dense blocks, one a pair of types, in place of a list of edges: a batch of small complete graphs is faster that
    way, and padding is a mask.
    """

    def __init__(self, *, count: int, dim: int, num_heads: int, topology: Topology | None, dropout: float) -> None:
        super().__init__()
        self.count = count
        self.num_heads = num_heads
        self.topology = topology
        self.relations = {relation: index for index, relation in enumerate(edge_types(count, topology))}
        head_dim = dim // num_heads
        self.norm = nn.LayerNorm(dim)
        self.queries = nn.ModuleList(nn.Linear(dim, dim) for _ in range(count))
        self.keys_values = nn.ModuleList(nn.Linear(dim, 2 * dim) for _ in range(count))
        self.outputs = nn.ModuleList(nn.Linear(dim, dim) for _ in range(count))
        # Per edge type and head: A beside P, and mu.
        identity = torch.eye(head_dim).expand(len(self.relations), 2, num_heads, -1, -1)
        self.transforms = nn.Parameter(identity.clone())  # (R, 2, H, d, d)
        self.priors = nn.Parameter(torch.ones(len(self.relations), num_heads))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, nodes: Tensor, present: Tensor, tokens: list[Tensor], masks: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Modality nodes (B, M, D), present (B, M), tokens (B, N_m, D) and masks (B, N_m) a modality -> both anew."""
        y_nodes, y_tokens = self.norm(nodes), [self.norm(x) for x in tokens]
        # Keys and values, (2, B, H, n, d): of the modality nodes together, of the tokens modality by modality.
        of_nodes = torch.cat([self._sources(m, y_nodes[:, m : m + 1]) for m in range(self.count)], 3)
        of_tokens = [self._sources(m, y) for m, y in enumerate(y_tokens)]
        moved = []
        for m, mask in enumerate(masks):
            q = self._heads(self.queries[m](y_nodes[:, m : m + 1]))
            message = self._into_node(m, q, of_nodes, of_tokens[m], present, mask)
            moved.append(nodes[:, m : m + 1] + self._update(m, message))
        if self.topology is None:
            return torch.cat(moved, 1), tokens
        updated = []
        for m, x in enumerate(tokens):
            q = self._heads(self.queries[m](y_tokens[m]))
            if self.topology == "star":
                message = self._from_own_node_and_itself(m, q, of_nodes, of_tokens[m])
            else:
                message = self._from_all_tokens(m, q, of_nodes, of_tokens, present, masks)
            updated.append(x + self._update(m, message))
        return torch.cat(moved, 1), updated

    def _heads(self, x: Tensor) -> Tensor:
        """(B, n, D) -> (B, H, n, d)."""
        heads: Tensor = x.unflatten(2, (self.num_heads, -1))
        return heads.transpose(1, 2)

    def _sources(self, m: int, y: Tensor) -> Tensor:
        """Keys and values of nodes of modality m, (B, n, D) -> (2, B, H, n, d)."""
        sources: Tensor = self.keys_values[m](y).unflatten(2, (2, self.num_heads, -1))
        return sources.permute(2, 0, 3, 1, 4)

    def _update(self, m: int, message: Tensor) -> Tensor:
        """Messages (B, H, n, d) to nodes of modality m -> what is added to them, (B, n, D)."""
        update: Tensor = self.dropout(self.outputs[m](F.gelu(message.transpose(1, 2).flatten(2))))
        return update

    def _along(self, relation: Relation, source: Tensor) -> Tensor:
        """Keys and values (2, B, H, n, d) as they arrive over edges of one type: K A mu and V P."""
        index = self.relations[relation]
        transform = torch.stack([self._key_transform(index), self.transforms[index, 1]])
        return torch.einsum("sbhnd,shde->sbhne", source, transform)

    def _key_transform(self, index: int) -> Tensor:
        """A mu of one edge type, (H, d, d)."""
        return self.transforms[index, 0] * self.priors[index][:, None, None]

    def _into_node(
        self, target: int, q: Tensor, of_nodes: Tensor, of_tokens: Tensor, present: Tensor, mask: Tensor
    ) -> Tensor:
        """Messages to one modality node from its tokens and from all modality nodes, (B, H, 1, d).

        For tokens the one query is turned, not the many keys, (k A) q' = k (q A')', and their weighted sum in place
        of the many values.
        """
        up = self.relations[Relation("up", target, target)]
        arriving = [self._along(Relation("across", m, target), of_nodes[:, :, :, m : m + 1]) for m in range(self.count)]
        node_keys, node_values = torch.cat(arriving, 3).unbind()
        keys, values = of_tokens.unbind()
        turned = torch.einsum("bhnd,hed->bhne", q, self._key_transform(up))
        scores = torch.cat([turned @ keys.mT, q @ node_keys.mT], 3) * q.shape[-1] ** -0.5  # (B, H, 1, N_m + M)
        seen = torch.cat([mask, present], 1)[:, None, None]
        # A finite score for what is missing: softmax over nothing but -inf is NaN, and whoever has no edge is dropped.
        weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)
        of_own, across = weights.split([mask.shape[1], self.count], 3)
        from_tokens = torch.einsum("bhnd,hde->bhne", of_own @ values, self.transforms[up, 1])
        message: Tensor = from_tokens + across @ node_values
        return message

    def _from_all_tokens(
        self,
        target: int,
        q: Tensor,
        of_nodes: Tensor,
        of_tokens: list[Tensor],
        present: Tensor,
        masks: list[Tensor],
    ) -> Tensor:
        """Messages to the tokens of one modality from its node and from all tokens, (B, H, N_m, d)."""
        arriving = [self._along(Relation("down", target, target), of_nodes[:, :, :, target : target + 1])]
        for m, source in enumerate(of_tokens):
            arriving.append(self._along(Relation("token", m, target), source))
        k, v = torch.cat(arriving, 3).unbind()
        seen = key_mask(torch.cat([present[:, target : target + 1], *masks], 1))
        return attend(q, k, v, bias=seen, causal=False, scale=None, dropout=0.0)

    def _from_own_node_and_itself(self, target: int, q: Tensor, of_nodes: Tensor, of_tokens: Tensor) -> Tensor:
        """Messages to each token from its modality's node and from itself, (B, H, N_m, d)."""
        relation = Relation("down", target, target)
        node_key, node_value = self._along(relation, of_nodes[:, :, :, target : target + 1]).unbind()
        own_key, own_value = self._along(Relation("token", target, target), of_tokens).unbind()
        # A softmax over two is a sigmoid of their difference.
        own = torch.sigmoid((q * (own_key - node_key)).sum(-1, keepdim=True) * q.shape[-1] ** -0.5)
        return node_value + own * (own_value - node_value)


def edge_types(count: int, topology: Topology | None) -> list[Relation]:
    """All types of edges among `count` modalities; topology None: those into modality nodes only."""
    every = [(a, b) for a in range(count) for b in range(count)]
    types = [Relation("up", m, m) for m in range(count)] + [Relation("across", a, b) for a, b in every]
    if topology is not None:
        types += [Relation("down", m, m) for m in range(count)]
        types += [Relation("token", a, b) for a, b in every if topology == "complete" or a == b]
    return types
