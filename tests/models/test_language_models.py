"""What holds of every family: padding, documents, caches, sizes, gradients."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.models.gpt import GPT
from interlace.models.lstm import LSTM
from tests.models.sizes import CAUSAL, FAMILIES, GPT2, LSTM_OPTIONS, V

EQUAL = {"rtol": 0.0, "atol": 2e-6}
LENGTH = 12


def build(name: str, **changes: Any) -> Any:
    """A model with all parameters random: what starts at zero would hide mistakes."""
    torch.manual_seed(0)
    constructor, options = FAMILIES[name]
    model = constructor(**options | changes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(1.0 if parameter.ndim == 1 else 0.0, std=0.15)
    return model.eval()


def ids_of(batch: int = 3, length: int = LENGTH) -> Tensor:
    return torch.randint(3, V, (batch, length), generator=torch.Generator().manual_seed(1))


def hidden_of(model: LanguageModel, ids: Tensor, mask: Tensor | None = None, **extra: Any) -> Tensor:
    """Hidden states of the encoder, or of the decoder fed with the same ids."""
    return model.encode(ids, mask, **extra)


@pytest.mark.parametrize(
    ("name", "side"),
    # BERT counts positions from the left edge, padding included
    [(name, side) for name in FAMILIES for side in ("left", "right") if (name, side) != ("bert", "left")],
)
def test_padding_changes_nothing(name: str, side: str) -> None:
    model, ids = build(name), ids_of()
    mask = torch.ones_like(ids)
    columns = slice(0, 5) if side == "left" else slice(LENGTH - 5, LENGTH)
    mask[0, columns] = 0
    alone = model.encode(ids[:1, 5:] if side == "left" else ids[:1, :-5])
    padded = model.encode(ids, mask)
    torch.testing.assert_close(padded[:1][mask[:1].bool()], alone[0], **EQUAL)
    torch.testing.assert_close(padded[1:], model.encode(ids[1:]), **EQUAL)
    assert padded.isfinite().all()
    junk = ids.clone()
    junk[0, columns] = 7
    torch.testing.assert_close(model.encode(junk, mask)[mask.bool()], padded[mask.bool()], rtol=0, atol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_of_padding_is_finite(name: str) -> None:
    model, ids = build(name), ids_of()
    mask = torch.ones_like(ids)
    mask[1] = 0
    hidden = model.encode(ids, mask)
    assert hidden.isfinite().all()
    torch.testing.assert_close(hidden[2], model.encode(ids[2:])[0], **EQUAL)


@pytest.mark.parametrize("name", FAMILIES)
def test_packed_documents_are_documents_run_alone(name: str) -> None:
    model, ids = build(name), ids_of(2)
    documents = torch.tensor([[0] * 5 + [1] * 4 + [2] * 3, [4] * 1 + [5] * 11])
    mask = torch.ones_like(ids)
    mask[0, -1] = 0
    packed = model.encode(ids, mask, document_ids=documents)
    for row, pieces in ((0, ((0, 5), (5, 9), (9, 11))), (1, ((0, 1), (1, 12)))):
        for start, end in pieces:
            torch.testing.assert_close(packed[row, start:end], model.encode(ids[row : row + 1, start:end])[0], **EQUAL)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", ["whole", "padded", "packed"])
def test_some_chosenare_those_of_the_whole(name: str, kind: str) -> None:
    """Values and gradients, though a masked model leaves out the rest of its last block."""
    model, ids = build(name), ids_of()
    positions = torch.tensor([[0, 3, 6], [5, 5, 1], [2, 0, 0]])
    mask = torch.arange(LENGTH) < torch.tensor([[7], [12], [9]]) if kind == "padded" else None
    documents = torch.arange(LENGTH).div(4, rounding_mode="floor").expand(3, -1) if kind == "packed" else None
    hidden = model.encode(ids, mask, document_ids=documents)
    whole = torch.stack([row[chosen] for row, chosen in zip(hidden, positions, strict=True)])
    some = model.encode_at(positions, ids, mask, document_ids=documents)
    torch.testing.assert_close(some, whole, **EQUAL)
    weights = torch.randn(some.shape, generator=torch.Generator().manual_seed(2))
    parameters = list(model.parameters())
    expected = torch.autograd.grad((whole * weights).sum(), parameters, allow_unused=True)
    for gradient, reference in zip(
        torch.autograd.grad((some * weights).sum(), parameters, allow_unused=True), expected, strict=True
    ):
        assert (gradient is None) == (reference is None)
        if gradient is not None and reference is not None:
            torch.testing.assert_close(gradient, reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CAUSAL)
def test_later_tokens_are_not_seen(name: str) -> None:
    model, ids = build(name), ids_of()
    changed = ids.clone()
    changed[:, 6] = (changed[:, 6] + 1) % V
    before, after = model(ids).logits, model(changed).logits
    torch.testing.assert_close(after[:, :6], before[:, :6], **EQUAL)
    assert (after[:, 6:] - before[:, 6:]).abs().amax((0, 2)).gt(1e-5).all()


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("padded", [False, True])
def test_cached_is_uncached(name: str, padded: bool) -> None:
    model, ids = build(name), ids_of()
    mask = torch.ones_like(ids)
    if padded:
        mask[0, :3] = mask[1, :1] = 0
    expected = model(ids, mask).logits
    cache = model.start_cache(3, LENGTH)
    assert cache.length == 0
    parts = []
    for start, end in ((0, 4), (4, 7), (7, 8), (8, 9), (9, 12)):
        hidden = model.encode(ids[:, start:end], mask[:, :end] if padded else None, cache=cache)
        assert cache.length == end
        parts.append(model.logits(hidden))
    torch.testing.assert_close(torch.cat(parts, 1)[mask.bool()], expected[mask.bool()], rtol=0, atol=5e-6)


@pytest.mark.parametrize("name", CAUSAL)
def test_caches_follow_beams(name: str) -> None:
    """Rows repeated, dropped and swapped: as if the other rows had been read from the start."""
    model, ids = build(name), ids_of()
    cache = model.start_cache(3, LENGTH)
    model.encode(ids[:, :6], cache=cache)
    for index in (torch.tensor([2, 0, 0]), torch.tensor([1, 0]), torch.tensor([1, 0, 0, 1])):
        ids = ids[index]
        cache.reorder(index)
    hidden = model.encode(ids[:, 6:], cache=cache)
    torch.testing.assert_close(hidden, model.encode(ids)[:, 6:], **EQUAL)


@pytest.mark.parametrize("name", ["t5", "t5-v1.1"])
def test_cached_decoding_is_uncached(name: str) -> None:
    model, ids = build(name), ids_of()
    source, target = ids, ids.flip(1)[:, :9]
    mask = torch.ones_like(source)
    mask[0, 7:] = 0
    expected = model(source, mask, decoder_input_ids=target).logits
    memory = model.encode(source, mask)
    cache = model.start_cache(3, 9)
    parts = [model.logits(model.decode(target[:, a:b], memory, mask, cache=cache)) for a, b in ((0, 1), (1, 5), (5, 6))]
    torch.testing.assert_close(torch.cat(parts, 1), expected[:, :6], rtol=0, atol=5e-6)
    index = torch.tensor([2, 0])
    cache.reorder(index)
    rest = model.logits(model.decode(target[index, 6:], memory[index], mask[index], cache=cache))
    torch.testing.assert_close(rest, expected[index, 6:], rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("indices", "held"),
    [
        ([[0, 0, 1, 1, 2, 2], [1, 0, 2, 2, 5, 4], [0, 1, 4, 5], [2, 3]], [3, 3, 2, 1]),
        ([[0, 2, 2], [2, 1], [0, 0, 1, 1]], [3, 2, 2]),  # unequally often: a memory for each
    ],
)
def test_beams_of_one_source_share_its_keys_and_values(indices: list[list[int]], held: list[int]) -> None:
    """Sources repeated as beams, swapped and dropped: as if each beam had been decoded from the start."""
    model, ids = build("t5"), ids_of()
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    memory, cache = model.encode(ids, mask), model.start_cache(3, 6)
    source, target = torch.arange(3), ids.flip(1)[:, : len(indices) + 1]
    for step, index in enumerate(indices):
        model.decode(target[:, step : step + 1], memory[source], mask[source], cache=cache)
        cache.reorder(torch.tensor(index))
        source, target = source[index], target[index]
        assert {len(tensor) for layer in cache.layers for tensor in layer.memory} == {held[step]}
    last = model.logits(model.decode(target[:, -1:], memory[source], mask[source], cache=cache))
    expected = model(ids[source], mask[source], decoder_input_ids=target).logits
    torch.testing.assert_close(last, expected[:, -1:], rtol=0, atol=5e-6)


def test_a_full_cache_and_too_long_texts_say_so() -> None:
    model = build("modern")
    cache = model.start_cache(3, 4)
    with pytest.raises(UserError, match="cache for 4 tokens cannot hold 12"):
        model.encode(ids_of(), cache=cache)
    with pytest.raises(UserError, match="33 tokens is longer than the 32 positions"):
        build("gpt2").encode(ids_of(1, 33))
    with pytest.raises(UserError, match="33 tokens is longer"):
        build("roberta").encode(ids_of(1, 33))
    assert build("roberta").encode(ids_of(1, 32)).isfinite().all()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_every_parameter_gets_a_gradient(name: str, precision: torch.dtype) -> None:
    model, ids = build(name).train(), ids_of()
    extra = {"decoder_input_ids": ids} if name.startswith("t5") else {}
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        output = model(ids, **extra)
        loss = output.logits.float().logsumexp(-1).mean()
        if name == "bert":
            loss = loss + model.next_sentence_logits(output.hidden).float().square().mean()
    loss.backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "lstm"])
def test_recomputed_activations_give_the_same_gradients(name: str) -> None:
    dropout = 0.3  # the recomputation must draw the same masks
    gradients = []
    for checkpointed in (False, True):
        model, ids = build(name, dropout=dropout).train(), ids_of()
        calls = count_calls(model)
        if checkpointed:
            model.enable_activation_checkpointing()
        extra = {"decoder_input_ids": ids} if name.startswith("t5") else {}
        torch.manual_seed(5)
        model(ids, **extra).logits.square().mean().backward()
        gradients.append([p.grad for p in model.parameters() if p.grad is not None])
        assert calls["number"] == calls["blocks"] * (2 if checkpointed else 1)
    for kept, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, kept)


def count_calls(model: nn.Module) -> dict[str, int]:
    """Counts evaluations of feed-forward layers, one a block."""
    from interlace.nn.feed_forward import FeedForward

    layers = [module for module in model.modules() if isinstance(module, FeedForward)]
    calls = {"number": 0, "blocks": len(layers)}
    for layer in layers:
        layer.register_forward_pre_hook(lambda *_: calls.update(number=calls["number"] + 1))
    return calls


def test_an_lstm_has_no_blocks_to_recompute() -> None:
    with pytest.raises(UserError, match="no transformer blocks"):
        build("lstm").enable_activation_checkpointing()


@pytest.mark.parametrize("name", FAMILIES)
def test_options_rebuild_the_model(name: str) -> None:
    model = build(name)
    again = type(model)(**model.options)
    again.load_state_dict(model.state_dict())
    ids = ids_of()
    assert torch.equal(again.eval().encode(ids), model.encode(ids))


def parameters(name: str, o: dict[str, Any]) -> int:
    """The formulas of the docstrings."""
    v, d, layers = o["vocabulary_size"], o["dim"], o["num_layers"]
    if name == "lstm":
        return v * d + layers * (8 * d * d + 8 * d) + v
    f = o["feed_forward_dim"]
    if name == "gpt2":
        return (v + o["max_length"]) * d + layers * (4 * d * d + 2 * d * f + 9 * d + f) + 2 * d
    if name == "modern":  # rms_plain: no norms' parameters
        return v * d + layers * (4 * d * d + 2 * d * f) + v * d + v * v
    if name == "swiglu":
        return v * d + layers * (4 * d * d + 3 * d * f + 2 * d) + d + v * d
    if name in ("bert", "roberta"):
        positions = o["max_length"] + (o["pad_id"] + 1 if name == "roberta" else 0)
        size = (v + positions + o["num_token_types"]) * d + 2 * d
        size += layers * (4 * d * d + 2 * d * f + 9 * d + f) + d * d + 3 * d + v
        return size + (d * d + d + 2 * d + 2 if name == "bert" else 0)
    i, g = o["num_heads"] * o["head_dim"], 2 if o["gated"] else 1
    size = v * d + layers * (4 * d * i + (g + 1) * d * f + 2 * d)
    size += o["num_decoder_layers"] * (8 * d * i + (g + 1) * d * f + 3 * d) + 2 * o["num_buckets"] * o["num_heads"]
    return size + 2 * d + (0 if o["tie_embeddings"] else v * d)


@pytest.mark.parametrize("name", FAMILIES)
def test_parameter_counts(name: str) -> None:
    constructor, options = FAMILIES[name]
    assert sum(p.numel() for p in constructor(**options).parameters()) == parameters(name, options)


def test_known_sizes() -> None:
    """GPT-2 small has 124,439,808 parameters: the model card's 124M."""
    with torch.device("meta"):
        model = GPT(
            **GPT2
            | {"vocabulary_size": 50257, "dim": 768, "num_layers": 12, "num_heads": 12, "feed_forward_dim": 3072}
            | {"max_length": 1024}
        )
    assert sum(p.numel() for p in model.parameters()) == 124_439_808


def test_gpt2_initial_weights() -> None:
    torch.manual_seed(0)
    model = GPT(**GPT2 | {"dim": 256, "num_layers": 8, "feed_forward_dim": 512})
    block = model.stack.layers[3]
    assert block.attention.projection.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert block.attention.output.weight.std().item() == pytest.approx(0.02 / 4, rel=0.02)
    assert block.feed_forward.down_projection.weight.std().item() == pytest.approx(0.02 / 4, rel=0.02)
    assert not block.feed_forward.down_projection.bias.any()


def test_a_modern_gpt_starts_from_the_uniform_distribution() -> None:
    torch.manual_seed(0)
    constructor, options = FAMILIES["modern"]
    assert not constructor(**options)(ids_of()).logits.any()


def test_soft_cap_and_bigram_table_by_hand() -> None:
    model, ids = build("modern"), ids_of()
    hidden = model.encode(ids)
    assert hidden.shape == (3, LENGTH, 24 + V)
    plain = hidden[..., :24] @ model.head.weight.T + model.bigram.weight[ids]
    torch.testing.assert_close(model.logits(hidden), 15 * torch.tanh(plain / 15))


def test_lstm_state_carries_on_over_padding() -> None:
    """A row whose new tokens are all padding keeps its state."""
    model, ids = build("lstm"), ids_of(2)
    cache = model.start_cache(2, 12)
    model.encode(ids[:, :4], cache=cache)
    mask = torch.ones(2, 8, dtype=torch.long)
    mask[1, 4:] = 0
    model.encode(ids[:, 4:8], mask, cache=cache)
    rest = model.encode(ids[:, 8:], torch.cat([mask, torch.ones(2, 4, dtype=torch.long)], 1), cache=cache)
    torch.testing.assert_close(rest[:1], model.encode(ids[:1])[:, 8:], **EQUAL)
    torch.testing.assert_close(rest[1:], model.encode(torch.cat([ids[1:, :4], ids[1:, 8:]], 1))[:, 4:], **EQUAL)


def test_arguments_that_a_family_lacks_are_refused() -> None:
    ids = ids_of()
    for name in ("gpt2", "lstm", "t5"):
        with pytest.raises(UserError, match="token_type_ids"):
            build(name).encode(ids, token_type_ids=torch.zeros_like(ids))
    with pytest.raises(UserError, match="decoder_input_ids"):
        build("gpt2")(ids, decoder_input_ids=ids)
    with pytest.raises(UserError, match="cannot generate"):
        build("bert").start_cache(1, 2)
    with pytest.raises(UserError, match="no next-sentence head"):
        build("roberta").next_sentence_logits(torch.zeros(1, 2, 24))
    with pytest.raises(UserError, match="choose a tokenizer with a pad token"):
        build("roberta", pad_id=None)
    with pytest.raises(UserError, match="learned positions need a number"):
        build("gpt2", max_length=None)


def test_the_lstm_against_torchs_own() -> None:
    torch.manual_seed(0)
    model = LSTM(**LSTM_OPTIONS).eval()
    ids = ids_of()
    expected = model.lstm(model.embedding(ids))[0] @ model.embedding.weight.T + model.bias
    torch.testing.assert_close(model(ids).logits, expected)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_the_scores(name: str, smoothing: float) -> None:
    model, ids = build(name), ids_of()
    hidden = model.decode(ids, model.encode(ids)) if name.startswith("t5") else model.encode(ids)
    hidden, labels = hidden.flatten(0, 1), ids.flip(1).flatten().clone()
    labels[::5] = -100
    expected = nn.functional.cross_entropy(model.logits(hidden), labels, reduction="sum", label_smoothing=smoothing)
    ours = model.cross_entropy_sum(hidden, labels, label_smoothing=smoothing)
    torch.testing.assert_close(ours, expected)
    parameters = [p for p in model.parameters() if p.requires_grad]
    theirs = torch.autograd.grad(expected, parameters, retain_graph=True, allow_unused=True)
    for a, b in zip(torch.autograd.grad(ours, parameters, allow_unused=True), theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
