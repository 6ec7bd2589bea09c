"""What holds for every decoder, on GPTs and T5s of our own and on random checkpoints of the transformers library."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from interlace import pretrained
from interlace.configuration.compose import compose_node
from interlace.errors import UserError
from interlace.heads.gated_cross_attention import GatedCrossAttentionDecoder
from interlace.heads.prefix import PrefixDecoder, padded_behind
from interlace.heads.text_decoder import TextDecoder
from interlace.models.base import LanguageModel
from interlace.models.generation import GenerationOptions, generate
from interlace.tokens import Condition
from tests.models.sizes import FAMILIES, LSTM_OPTIONS, V

WIDTH = 6
WRITERS = ("gpt2", "modern", "t5-v1.1")
DECODERS = ("prefix", "gated_cross_attention")
CLOSE: dict[str, Any] = {"rtol": 1e-5, "atol": 2e-5}


def language_model(family: str) -> LanguageModel:
    torch.manual_seed(0)
    kind, options = FAMILIES[family]
    model = kind(**options)
    with torch.no_grad():  # zero projections would hide what goes through them
        for p in model.parameters():
            if not p.any():
                p.normal_(std=0.3)
    return model.eval()


def decoder(kind: str, model: LanguageModel, *, gate: float = 0.7, **changes: Any) -> TextDecoder:
    torch.manual_seed(1)
    if kind == "prefix":
        return PrefixDecoder(language_model=model, in_dim=WIDTH, **{"num_layers": 2} | changes).eval()
    options = {"every": 1, "num_heads": 4, "feed_forward_ratio": 2, "dropout": 0.0, "initial_gate": gate} | changes
    return GatedCrossAttentionDecoder(language_model=model, in_dim=WIDTH, **options).eval()


def condition(rows: int = 3, length: int = 4) -> Condition:
    """Of as many tokens as there are, minus one in the second row and all in the third."""
    torch.manual_seed(2)
    mask = torch.ones(rows, length, dtype=torch.bool)
    mask[1, 1] = False
    mask[2] = False
    return Condition(3 * torch.randn(rows, length, WIDTH), mask)


def texts(rows: int = 3) -> dict[str, Tensor]:
    torch.manual_seed(3)
    ids = torch.randint(1, V, (rows, 7))
    mask = torch.ones_like(ids)
    mask[0, 5:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def scores(model: LanguageModel, given: Condition | None, **changed: Tensor) -> Tensor:
    """Of the positions that are real (causal), or of a target (seq2seq), (n, V)."""
    arguments: dict[str, Any] = {**texts(), **changed}
    if given is not None:
        arguments["condition"] = given
    if model.direction == "seq2seq":
        target = torch.arange(1, 16).view(3, 5)
        return model(**arguments, decoder_input_ids=target).logits.flatten(0, 1)
    return model(**arguments).logits[arguments["attention_mask"].bool()]


@pytest.fixture(params=[(d, f) for d in DECODERS for f in WRITERS], ids=lambda p: "-".join(p))
def writer(request: pytest.FixtureRequest) -> TextDecoder:
    kind, family = request.param
    return decoder(kind, language_model(family))


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("family", [*WRITERS, "swiglu", "t5"])
def test_with_closed_gates_the_scores_are_those_of_the_language_model_to_the_bit(family: str, every: int) -> None:
    model = language_model(family)
    writer = decoder("gated_cross_attention", model, gate=0.0, every=every)
    with torch.no_grad():
        assert torch.equal(scores(writer, condition()), scores(model, None))
        opened = decoder("gated_cross_attention", model, gate=0.5, every=every)
        assert not torch.allclose(scores(opened, condition()), scores(model, None), atol=1e-3), "the test sees nothing"


@pytest.mark.parametrize("kind", ["gpt2", "t5", "t5_v1_1"])
def test_with_closed_gates_a_checkpoint_of_transformers_gives_its_own_scores(kind: str, tmp_path: Path) -> None:
    reference = pytest.importorskip("tests.pretrained.reference", reason="needs transformers")
    theirs = getattr(reference, kind)()
    ours = pretrained.load(reference.saved(theirs, tmp_path))
    writer = decoder("gated_cross_attention", ours.eval(), gate=0.0)
    ids, mask = texts()["input_ids"], texts()["attention_mask"]
    target = {} if kind == "gpt2" else {"decoder_input_ids": torch.arange(15).view(3, 5)}
    with torch.no_grad():
        mine = writer(ids, mask, condition=condition(), **target).logits
        assert torch.equal(mine, ours(ids, mask, **target).logits)
        expected = theirs(input_ids=ids, attention_mask=mask, **target).logits
        real = mask.bool() if kind == "gpt2" else torch.ones(3, 5, dtype=torch.bool)
        torch.testing.assert_close(mine[real], expected[real], rtol=0.0, atol=1e-5)


@torch.no_grad()
def test_a_text_about_nothing_is_the_language_models_own(writer: TextDecoder) -> None:
    nothing = condition()._replace(mask=torch.zeros(3, 4, dtype=torch.bool))
    torch.testing.assert_close(scores(writer, nothing), scores(writer.language_model, None), **CLOSE)
    assert torch.equal(scores(writer, None), scores(writer.language_model, None))


@torch.no_grad()
def test_what_is_masked_in_a_condition_changes_nothing(writer: TextDecoder) -> None:
    given = condition()
    expected = scores(writer, given)
    junk = torch.full((3, 2, WIDTH), float("nan"))
    hidden = torch.zeros(3, 2, dtype=torch.bool)
    tokens = given.tokens.masked_fill(~given.mask.unsqueeze(-1), float("nan"))
    behind = Condition(torch.cat([tokens, junk], 1), torch.cat([given.mask, hidden], 1))
    between = Condition(
        torch.cat([tokens[:, :2], junk, tokens[:, 2:]], 1), torch.cat([given.mask[:, :2], hidden, given.mask[:, 2:]], 1)
    )
    torch.testing.assert_close(scores(writer, behind), expected, **CLOSE)
    torch.testing.assert_close(scores(writer, between), expected, **CLOSE)


@torch.no_grad()
def test_rows_do_not_see_each_others_condition(writer: TextDecoder) -> None:
    given = condition()
    changed = given._replace(tokens=given.tokens.clone())
    changed.tokens[1] += 5
    whole, other = (scores(writer, each) for each in (given, changed))
    per_row = [5, 5, 5] if writer.direction == "seq2seq" else [5, 7, 7]
    for row, (ours, theirs) in enumerate(zip(whole.split(per_row), other.split(per_row), strict=True)):
        assert torch.allclose(ours, theirs, atol=1e-5) == (row != 1)


@torch.no_grad()
def test_padding_of_the_words_changes_nothing(writer: TextDecoder) -> None:
    alone = Condition(*(part[:1] for part in condition()))
    ids = texts()["input_ids"][:1, :5]
    target = {"decoder_input_ids": torch.arange(1, 6)[None]} if writer.direction == "seq2seq" else {}
    padded, mask = texts()["input_ids"][:1], texts()["attention_mask"][:1]
    expected = writer(ids, condition=alone, **target).logits
    found = writer(padded, mask, condition=alone, **target).logits[:, : expected.shape[1]]
    torch.testing.assert_close(found, expected, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("family", ["gpt2", "swiglu"])
def test_a_prefix_of_words_is_read_as_words(family: str) -> None:
    """An oracle: with the embeddings of words as the condition and nothing projected, a prefix is just earlier text."""
    model = language_model(family)
    writer = PrefixDecoder(language_model=model, in_dim=model.dim, num_layers=1).eval()
    writer.bridge = torch.nn.Identity()  # type: ignore[assignment]
    torch.manual_seed(4)
    before, after = torch.randint(1, V, (2, 3)), torch.randint(1, V, (2, 5))
    words = model.embeddings.word(before)  # type: ignore[operator, union-attr]
    given = Condition(words, torch.ones(2, 3, dtype=torch.bool))
    expected = model(torch.cat([before, after], 1)).logits[:, 3:]
    torch.testing.assert_close(writer(after, condition=given).logits, expected, **CLOSE)


@torch.no_grad()
def test_a_prefix_of_words_is_read_as_words_by_an_encoder() -> None:
    model = language_model("t5")
    writer = PrefixDecoder(language_model=model, in_dim=model.dim, num_layers=1).eval()
    writer.bridge = torch.nn.Identity()  # type: ignore[assignment]
    torch.manual_seed(4)
    before, after, target = (torch.randint(1, V, (2, n)) for n in (3, 5, 4))
    given = Condition(model.embedding(before), torch.ones(2, 3, dtype=torch.bool))  # type: ignore[operator]
    expected = model(torch.cat([before, after], 1), decoder_input_ids=target).logits
    found = writer(after, condition=given, decoder_input_ids=target).logits
    torch.testing.assert_close(found, expected, **CLOSE)


def test_real_tokens_come_first_and_keep_their_order() -> None:
    mask = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 1]]).bool()
    x, kept = padded_behind(torch.arange(8.0).view(2, 4, 1), mask)
    assert x[..., 0].tolist() == [[0.0, 2.0], [7.0, 4.0]]
    assert kept.tolist() == [[True, True], [True, False]]


OPTIONS: dict[str, dict[str, Any]] = {
    "greedy": {"max_new_tokens": 6},
    "beam": {"max_new_tokens": 6, "num_beams": 3, "num_return_sequences": 2},
    "sample": {"max_new_tokens": 6, "sample": True, "num_return_sequences": 2},
}


@pytest.mark.parametrize("search", OPTIONS)
def test_what_is_written_with_a_cache_is_what_is_written_without(writer: TextDecoder, search: str) -> None:
    prompts = [[5, 6, 7], [8], [9, 3, 2, 4]]
    results = [
        generate(
            writer,
            prompts,
            GenerationOptions(**OPTIONS[search], use_cache=use_cache),
            eos_id=1,
            seed=4,
            condition=condition(),
        )
        for use_cache in (True, False)
    ]
    assert [r.tokens for r in results[0]] == [r.tokens for r in results[1]]
    for cached, plain in zip(*results, strict=True):
        assert cached.log_probability == pytest.approx(plain.log_probability, abs=1e-3)


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_what_is_written_does_not_depend_on_the_rest_of_the_batch(writer: TextDecoder, search: str) -> None:
    options = GenerationOptions(**OPTIONS[search])
    prompts, given = [[5, 6, 7], [8], [9, 3, 2, 4]], condition()
    together = generate(writer, prompts, options, eos_id=1, condition=given)
    for row, prompt in enumerate(prompts):
        own = Condition(given.tokens[row : row + 1], given.mask[row : row + 1])
        alone = generate(writer, [prompt], options, eos_id=1, condition=own)
        assert [r.tokens for r in alone] == [r.tokens for r in together if r.prompt == row]


def test_greedy_text_is_the_argmax_of_each_step() -> None:
    writer = decoder("prefix", language_model("gpt2"))
    given = Condition(*(part[:1] for part in condition()))
    written = generate(writer, [[5, 6]], GenerationOptions(max_new_tokens=5), eos_id=None, condition=given)[0].tokens
    ids = [5, 6]
    with torch.no_grad():
        for token in written:
            assert int(writer(torch.tensor([ids]), condition=given).logits[0, -1].argmax()) == token
            ids.append(token)


def test_a_prefix_takes_places_of_the_context() -> None:
    writer = decoder("prefix", language_model("gpt2"))  # 32 positions, of which the prefix takes 4
    given = Condition(*(part[:1] for part in condition()))
    written = generate(writer, [[5] * 20], GenerationOptions(max_new_tokens=50), eos_id=None, condition=given)[0]
    assert len(written.tokens) == 8
    with pytest.raises(UserError, match="takes at most 27"):
        generate(writer, [[5] * 28], GenerationOptions(max_new_tokens=5), eos_id=None, condition=given)
    slide = GenerationOptions(max_new_tokens=40, window="slide")
    assert len(generate(writer, [[5] * 20], slide, eos_id=None, condition=given)[0].tokens) == 40


@pytest.mark.parametrize("family", ["swiglu", "t5"])
@pytest.mark.parametrize("kind", DECODERS)
def test_a_frozen_language_model_gets_no_gradient_and_the_bridge_does(kind: str, family: str) -> None:
    writer = decoder(kind, language_model(family)).train()
    writer.language_model.requires_grad_(False)
    scores(writer, condition()).logsumexp(-1).sum().backward()
    assert all(p.grad is None for p in writer.language_model.parameters())
    for name, p in writer.bridge.named_parameters():  # type: ignore[union-attr]
        assert p.grad is not None, name
        assert p.grad.any(), name


@pytest.mark.parametrize("family", ["swiglu", "t5"])
def test_closed_gates_open_first(family: str) -> None:
    """At zero only the gates have a gradient: what they weigh follows once they are open."""
    writer = decoder("gated_cross_attention", language_model(family), gate=0.0).train()
    scores(writer, condition()).logsumexp(-1).sum().backward()
    moved = {n for n, p in writer.bridge.named_parameters() if p.grad is not None and p.grad.any()}  # type: ignore[union-attr]
    assert moved == {n for n, _ in writer.bridge.named_parameters() if n.endswith("_gate")}  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("family", ["swiglu", "t5"])
def test_recomputed_activations_give_the_same_gradients(kind: str, family: str) -> None:
    gradients = []
    for checkpointed in (False, True):
        writer = decoder(kind, language_model(family)).train()
        if checkpointed:
            writer.enable_activation_checkpointing()
        scores(writer, condition()).logsumexp(-1).sum().backward()
        gradients.append([p.grad for p in writer.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain)


@pytest.mark.parametrize("changes", [{}, {"every": 2}, {"num_layers": 1}, {"num_layers": 3}])
@pytest.mark.parametrize("family", ["swiglu", "t5"])
def test_parameters_are_those_of_the_formula(family: str, changes: dict[str, int]) -> None:
    writer = decoder("gated_cross_attention" if "every" in changes else "prefix", language_model(family), **changes)
    assert sum(p.numel() for p in writer.bridge.parameters()) == writer.expected_parameters()  # type: ignore[union-attr]
    if "every" in changes:
        assert writer.layer_indices == [1], "of two or three layers"


def test_one_decoder_serves_several_conditions_at_once() -> None:
    """No state is left in the layers: calls may be interleaved in any order."""
    writer = decoder("gated_cross_attention", language_model("swiglu"))
    first, second = condition(), condition()._replace(tokens=torch.ones(3, 4, WIDTH))
    with torch.no_grad():
        expected = scores(writer, first)
        scores(writer, second)
        assert torch.equal(scores(writer, first), expected)
        caches = [writer.start_cache(3, 8) for _ in range(2)]
        ids = texts()["input_ids"]
        for step in range(3):
            found = [
                writer.encode(ids[:, step : step + 1], cache=cache, condition=each)
                for cache, each in zip(caches, (first, second), strict=True)
            ]
        for each, hidden in zip((first, second), found, strict=True):
            torch.testing.assert_close(hidden[:, -1], writer.encode(ids[:, :3], condition=each)[:, -1], **CLOSE)


def test_what_does_not_fit_is_told() -> None:
    kind, options = FAMILIES["lstm"]
    assert options == LSTM_OPTIONS
    with pytest.raises(UserError, match=r"a lstm model cannot read other modalities.*choose a gpt or t5"):
        decoder("prefix", kind(**options))
    with pytest.raises(UserError, match=r"decoder.every: got 3, and the model has 2 layers; expected at most 2"):
        decoder("gated_cross_attention", language_model("gpt2"), every=3)
    for kind_ in DECODERS:
        writer = decoder(kind_, language_model("gpt2"))
        with pytest.raises(UserError, match=r"condition: got \(2, 4, 6\); expected \(3, M, 6\)"):
            writer(**texts(), condition=condition(2 + 1)._replace(tokens=torch.zeros(2, 4, 6)))
    with pytest.raises(UserError, match="GPT accepts text only"):
        generate(language_model("gpt2"), [[1]], eos_id=None, condition=condition())
    with pytest.raises(UserError, match="a condition of 3 rows for 1 prompts"):
        generate(writer, [[1]], eos_id=None, condition=condition())


@pytest.mark.parametrize("kind", DECODERS)
def test_the_configuration_builds_a_decoder(kind: str) -> None:
    from interlace.assembly import constructor

    made = constructor(compose_node("decoder", kind))(language_model=language_model("gpt2"), in_dim=WIDTH)
    assert isinstance(made, TextDecoder)


def test_a_gate_may_be_a_whole_number() -> None:
    """`decoder.initial_gate=1` on a command line is an integer."""
    opened = decoder("gated_cross_attention", language_model("swiglu"), gate=1)
    assert torch.equal(opened.bridge["inserted"][0].attention_gate, torch.tensor(1.0))
