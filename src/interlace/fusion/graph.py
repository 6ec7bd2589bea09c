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
    """Edge type: its kind and the modalities of its source and its target.

    `kind`: "up" token -> modality node, "across" modality node -> modality node, "down" modality node -> token,
    "token" token -> token (topology "star": each token to itself only).
    """

    kind: Literal["up", "across", "down", "token"]
    source: int
    target: int


class GraphFusion(Fusion):
    """Attention over a graph with typed nodes and edges (heterogeneous graph transformer, HGT, Hu et al. 2020, eqs.
    3-5; over modalities and their tokens as in MTAG, Yang et al. 2021).

    Nodes: each real token, X_m = W_m x_m + b_m (B, N_m, D), and one node per present modality, which starts as the
    mean of its tokens + e_m. Edges: token -> its modality ("up"), modality -> modality, itself included ("across", one
    type per ordered pair), modality -> its tokens ("down"), and between tokens ("token"). `topology` "star": each token
    has a token edge to itself only, so that modalities exchange through their nodes and the cost is linear in N;
    "complete": every token to every token, one type per ordered pair of modalities. Missing modalities have neither
    nodes nor edges.

    For an edge s -> t of type r, head i of width d = D / H, y = LayerNorm(x):
    score = (K y_s)_i A_r,i . (Q y_t)_i mu_r,i / sqrt(d), softmax over all edges into t; message = (V y_s)_i P_r,i;
    x_t <- x_t + O GELU(sum of weighted messages). There is one set of Q, K, V, O per modality and one set of A, P
    (d, d) and mu per edge type. The last layer updates the modality nodes only. h (B, D) = mean over the present m of
    LayerNorm(node m); `Fused.tokens` (B, M, D) are the modality nodes. All missing: h is zero.

    Unlike HGT, a LayerNorm precedes each layer, A and P start as the identity, and there is no relative temporal
    encoding. Unlike MTAG, there are no edge types by temporal order and edges are not pruned.

    Parameters, S = sum_m d_m, R_0 = M^2 + M edge types into modality nodes, R_1 edge types in total (star: R_0 + 2 M,
    complete: R_0 + M + M^2), R = (L - 1) R_1 + R_0:
    D S + M D + M D + L (4 M (D^2 + D) + 2 D) + R (2 D^2 / H + H) + 2 D.
    FLOPs, N = sum_m (N_m + 1): 2 D sum_m N_m d_m + (L - 1) 8 N D^2 + 4 N D^2 + 4 M D^2
    + 4 D^2 / H (L (M^2 + M) + (L - 1) R_t) + 4 D (L (sum_m N_m + M^2) + (L - 1) E_t). The term in D^2 / H counts the
    vectors that an edge type transforms (for tokens -> node the one query and the one weighted sum, not the tokens),
    the term in D the edges. Into tokens, star: R_t = M + sum_m N_m, E_t = 2 sum_m N_m; complete:
    R_t = M + M sum_m N_m, E_t = (1 + sum_m N_m) sum_m N_m.
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
            transforms_into_tokens, edges_into_tokens = count + total, 2 * total
        else:
            transforms_into_tokens, edges_into_tokens = count + count * total, total * (1 + total)
        transforms = depth * (count * count + count) + (depth - 1) * transforms_into_tokens
        edges = depth * (total + count * count) + (depth - 1) * edges_into_tokens
        per_edge = 4 * transforms * square // self.num_heads + 4 * edges * dim
        return self.adapter_flops(num_tokens) + projections + per_edge


class GraphLayer(nn.Module):
    """One round of message passing among M modalities; `topology` None: into the modality nodes only.

    It uses dense blocks, one per pair of node types, in place of an edge list: this is faster for a batch of small
    complete graphs, and padding is a mask.
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
        # For each edge type and head: A and P stacked, and mu.
        identity = torch.eye(head_dim).expand(len(self.relations), 2, num_heads, -1, -1)
        self.transforms = nn.Parameter(identity.clone())  # (R, 2, H, d, d)
        self.priors = nn.Parameter(torch.ones(len(self.relations), num_heads))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, nodes: Tensor, present: Tensor, tokens: list[Tensor], masks: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the updated modality nodes (B, M, D) and the updated tokens, (B, N_m, D) for each modality.

        `present` is (B, M); `masks` are (B, N_m) for each modality.
        """
        y_nodes, y_tokens = self.norm(nodes), [self.norm(x) for x in tokens]
        # Keys and values, (2, B, H, n, d): one tensor for all modality nodes, one per modality for its tokens.
        node_sources = torch.cat([self._sources(m, y_nodes[:, m : m + 1]) for m in range(self.count)], 3)
        token_sources = [self._sources(m, y) for m, y in enumerate(y_tokens)]
        new_nodes = []
        for m, mask in enumerate(masks):
            q = self._heads(self.queries[m](y_nodes[:, m : m + 1]))
            message = self._into_node(m, q, node_sources, token_sources[m], present, mask)
            new_nodes.append(nodes[:, m : m + 1] + self._update(m, message))
        if self.topology is None:
            return torch.cat(new_nodes, 1), tokens
        new_tokens = []
        for m, x in enumerate(tokens):
            q = self._heads(self.queries[m](y_tokens[m]))
            if self.topology == "star":
                message = self._from_own_node_and_itself(m, q, node_sources, token_sources[m])
            else:
                message = self._from_all_tokens(m, q, node_sources, token_sources, present, masks)
            new_tokens.append(x + self._update(m, message))
        return torch.cat(new_nodes, 1), new_tokens

    def _heads(self, x: Tensor) -> Tensor:
        """(B, n, D) -> (B, H, n, d)."""
        heads: Tensor = x.unflatten(2, (self.num_heads, -1))
        return heads.transpose(1, 2)

    def _sources(self, m: int, y: Tensor) -> Tensor:
        """Keys and values of nodes of modality m, (B, n, D) -> (2, B, H, n, d)."""
        sources: Tensor = self.keys_values[m](y).unflatten(2, (2, self.num_heads, -1))
        return sources.permute(2, 0, 3, 1, 4)

    def _update(self, m: int, message: Tensor) -> Tensor:
        """Residual update (B, n, D) of nodes of modality m from their messages (B, H, n, d)."""
        update: Tensor = self.dropout(self.outputs[m](F.gelu(message.transpose(1, 2).flatten(2))))
        return update

    def _transformed(self, relation: Relation, source: Tensor) -> Tensor:
        """Keys and values (2, B, H, n, d) transformed by one edge type: K A mu and V P."""
        index = self.relations[relation]
        transform = torch.stack([self._key_transform(index), self.transforms[index, 1]])
        return torch.einsum("sbhnd,shde->sbhne", source, transform)

    def _key_transform(self, index: int) -> Tensor:
        """A mu of an edge type, (H, d, d)."""
        return self.transforms[index, 0] * self.priors[index][:, None, None]

    def _into_node(
        self, target: int, q: Tensor, node_sources: Tensor, token_sources: Tensor, present: Tensor, mask: Tensor
    ) -> Tensor:
        """Messages to one modality node from its tokens and from all modality nodes, (B, H, 1, d).

        For the tokens, the one query is transformed in place of the many keys, (k A) q' = k (q A')', and the one
        weighted sum in place of the many values.
        """
        up = self.relations[Relation("up", target, target)]
        incoming = [
            self._transformed(Relation("across", m, target), node_sources[:, :, :, m : m + 1])
            for m in range(self.count)
        ]
        node_keys, node_values = torch.cat(incoming, 3).unbind()
        keys, values = token_sources.unbind()
        token_query = torch.einsum("bhnd,hed->bhne", q, self._key_transform(up))
        scores = torch.cat([token_query @ keys.mT, q @ node_keys.mT], 3) * q.shape[-1] ** -0.5  # (B, H, 1, N_m + M)
        seen = torch.cat([mask, present], 1)[:, None, None]
        # Missing sources get a finite score: a softmax over -inf alone is NaN. A node without any edge is masked later.
        weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)
        from_own, across = weights.split([mask.shape[1], self.count], 3)
        from_tokens = torch.einsum("bhnd,hde->bhne", from_own @ values, self.transforms[up, 1])
        message: Tensor = from_tokens + across @ node_values
        return message

    def _from_all_tokens(
        self,
        target: int,
        q: Tensor,
        node_sources: Tensor,
        token_sources: list[Tensor],
        present: Tensor,
        masks: list[Tensor],
    ) -> Tensor:
        """Messages to the tokens of one modality from its node and from all tokens, (B, H, N_m, d)."""
        incoming = [self._transformed(Relation("down", target, target), node_sources[:, :, :, target : target + 1])]
        for m, source in enumerate(token_sources):
            incoming.append(self._transformed(Relation("token", m, target), source))
        k, v = torch.cat(incoming, 3).unbind()
        seen = key_mask(torch.cat([present[:, target : target + 1], *masks], 1))
        return attend(q, k, v, bias=seen, causal=False, scale=None, dropout=0.0)

    def _from_own_node_and_itself(self, target: int, q: Tensor, node_sources: Tensor, token_sources: Tensor) -> Tensor:
        """Messages to each token from its modality's node and from itself, (B, H, N_m, d)."""
        relation = Relation("down", target, target)
        node_key, node_value = self._transformed(relation, node_sources[:, :, :, target : target + 1]).unbind()
        own_key, own_value = self._transformed(Relation("token", target, target), token_sources).unbind()
        # A softmax over two scores is the sigmoid of their difference.
        own = torch.sigmoid((q * (own_key - node_key)).sum(-1, keepdim=True) * q.shape[-1] ** -0.5)
        return node_value + own * (own_value - node_value)


def edge_types(count: int, topology: Topology | None) -> list[Relation]:
    """All edge types among `count` modalities; topology None: only those into modality nodes."""
    every = [(a, b) for a in range(count) for b in range(count)]
    types = [Relation("up", m, m) for m in range(count)] + [Relation("across", a, b) for a, b in every]
    if topology is not None:
        types += [Relation("down", m, m) for m in range(count)]
        types += [Relation("token", a, b) for a, b in every if topology == "complete" or a == b]
    return types
