"""The laws of generation for every family that generates."""

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
import torch
import yaml
from hydra.utils import get_object
from scipy import stats

from interlace.configuration.checking import check_node
from interlace.configuration.locations import conf_dir
from interlace.models.base import LanguageModel
from interlace.models.generation import Generated, GenerationOptions, generate
from interlace.models.gpt import GPT
from interlace.models.lstm import LSTM
from interlace.models.ngram import NgramModel
from interlace.models.t5 import T5

VOCABULARY = 31
PROMPTS = [[4, 8, 15], [16], [23, 30, 1, 2, 3, 4, 5]]


def gpt(**changes: object) -> GPT:
    options = {
        "vocabulary_size": VOCABULARY, "pad_id": None, "dim": 16, "num_layers": 2, "num_heads": 2,
        "feed_forward_dim": 32, "activation": "gelu_tanh", "gated": False, "norm": "layer", "norm_eps": 1e-5,
        "bias": True, "positions": "learned", "max_length": 24, "rotary_base": 10000.0, "query_key_norm": False,
        "embedding_norm": False, "initialisation": "gpt2", "tie_embeddings": True, "logit_soft_cap": None,
        "bigram_table": False, "dropout": 0.1, "attention_dropout": 0.0,
    }  # fmt: skip
    return GPT(**{**options, **changes})  # type: ignore[arg-type]


def lstm() -> LSTM:
    return LSTM(vocabulary_size=VOCABULARY, pad_id=None, dim=16, num_layers=2, dropout=0.1, tie_embeddings=True)


def t5() -> T5:
    return T5(
        vocabulary_size=VOCABULARY, pad_id=0, dim=16, num_layers=2, num_decoder_layers=2, num_heads=2, head_dim=8,
        feed_forward_dim=32, activation="relu", gated=False, num_buckets=8, max_distance=16, norm_eps=1e-6,
        tie_embeddings=True, scale_logits=True, dropout=0.1,
    )  # fmt: skip


FAMILIES: dict[str, Callable[[], LanguageModel]] = {
    "gpt": gpt,
    "gpt, modern": lambda: gpt(positions="rotary", query_key_norm=True, norm="rms", bias=False, max_length=None),
    "gpt, bigram": lambda: gpt(bigram_table=True, logit_soft_cap=15.0),
    "lstm": lstm,
    "t5": t5,
}
WAYS: dict[str, dict] = {
    "greedy": {},
    "sample": {"sample": True, "temperature": 0.9, "top_p": 0.95, "num_return_sequences": 2},
    "beam": {"num_beams": 3, "num_return_sequences": 2, "no_repeat_ngram_size": 3},
    "slide": {"window": "slide", "max_new_tokens": 30},
}


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> LanguageModel:
    """In training mode, with dropout, which generation must switch off; weights large enough to prefer something."""
    torch.manual_seed(0)
    model = FAMILIES[request.param]()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.4)
    return model.train()


def run(model: LanguageModel, prompts: list[list[int]], **options: object) -> list[Generated]:
    return generate(model, prompts, GenerationOptions(**{"max_new_tokens": 14, **options}), eos_id=7)  # type: ignore[arg-type]


def plain(results: list[Generated]) -> list[tuple[list[int], str]]:
    return [(result.tokens, result.reason) for result in results]


@pytest.mark.parametrize("way", WAYS)
def test_cached_is_uncached_and_a_batch_is_its_prompts(model: LanguageModel, way: str) -> None:
    options = WAYS[way]
    results = run(model, PROMPTS, **options)
    assert plain(results) == plain(run(model, PROMPTS, **options, use_cache=False))
    assert plain(results) == plain([r for prompt in PROMPTS for r in run(model, [prompt], **options)])
    assert model.training


def test_training_goes_on_after_generation(model: LanguageModel) -> None:
    """Nothing made in inference mode stays behind in a layer, where autograd would refuse it."""
    run(model, PROMPTS)
    ids = torch.tensor([PROMPTS[2]])
    decoder = {"decoder_input_ids": ids} if model.direction == "seq2seq" else {}
    model(ids, **decoder).logits.logsumexp(-1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_greedy_is_the_argmax_of_the_whole_pass(model: LanguageModel) -> None:
    """By `forward` on prompt and continuation at once: what is generated is what training would have scored best."""
    results = run(model, PROMPTS, max_new_tokens=8)
    model.eval()
    for prompt, result in zip(PROMPTS, results, strict=True):
        with torch.no_grad():
            if model.direction == "seq2seq":
                output = model(torch.tensor([prompt]), decoder_input_ids=torch.tensor([[0, *result.tokens]]))
            else:
                output = model(torch.tensor([[*prompt, *result.tokens]]))
        best = output.logits[0].argmax(1).tolist()[-len(result.tokens) - 1 :]
        assert best[: len(result.tokens)] == result.tokens
        assert (best[-1] == 7) == (result.reason == "eos") or result.reason == "length"


@pytest.mark.filterwarnings("ignore:.*Kneser-Ney discounts")
def test_a_fitted_n_gram_model() -> None:
    """Greedy is the best of each next distribution, and samples have its frequencies."""
    random = np.random.default_rng(0)
    ids = random.choice([3, 4, 5, 6], 2400, p=[0.5, 0.3, 0.15, 0.05])
    model = NgramModel(
        order=3,
        discount_fallback=(0.5, 1.0, 1.5),
        prune=[0],
        chunk_tokens=10_000,
        vocabulary_size=8,
        eos_id=2,
        bos_id=1,
    )
    model.fit(ids, np.arange(0, 2401, 12))
    history: list[int] = []
    [greedy] = generate(model, [history], GenerationOptions(max_new_tokens=6), eos_id=2)
    for token in [*greedy.tokens, *([2] if greedy.reason == "eos" else [])]:
        assert token == int(np.argmax(model.next_distribution(history)))
        history.append(token)
    options = GenerationOptions(max_new_tokens=1, sample=True, num_return_sequences=1000)
    drawn = [result.tokens[0] if result.tokens else 2 for result in generate(model, [[4]], options, eos_id=2)]
    p = model.next_distribution([4])
    likely = p > 0.01
    counts = np.bincount(drawn, minlength=8)[likely]
    assert stats.chisquare(counts, counts.sum() * p[likely] / p[likely].sum()).pvalue > 1e-3


@pytest.mark.parametrize("name", ["greedy", "sample", "beam"])
def test_settings_spell_out_every_option(name: str) -> None:
    """conf/generation builds what it says, and names all there is."""
    node = yaml.safe_load((conf_dir() / "generation" / f"{name}.yaml").read_text())
    check_node("generation", node)
    target = node.pop("_target_")
    assert set(node) == {field.name for field in fields(GenerationOptions)}
    assert isinstance(get_object(target)(**node), GenerationOptions)
