"""Greedy and beam search against `generate` of the transformers library, token by token and score by score."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from interlace import pretrained
from interlace.models.generation import GenerationOptions, generate

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore:.past_key_values. is deprecated")

VOCABULARY, PAD = 40, 0


class _Cache:
    def __init__(self, cache: Any) -> None:
        self.cache = cache

    def reorder(self, index: Tensor) -> None:
        self.cache.reorder_cache(index)

    @property
    def length(self) -> int:
        return self.cache.get_seq_length()


class Wrapped(nn.Module):
    """A model of the transformers library behind our interface: both sides then run the same arithmetic."""

    vocabulary_size, dim, pad_id = VOCABULARY, 16, PAD

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.theirs = theirs
        self.direction = "seq2seq" if theirs.config.is_encoder_decoder else "causal"
        self.max_length = None if theirs.config.is_encoder_decoder else theirs.config.n_positions

    def start_cache(self, batch_size: int, capacity: int) -> _Cache:
        inner = transformers.DynamicCache()
        return _Cache(transformers.EncoderDecoderCache(inner, transformers.DynamicCache()) if self._t5 else inner)

    @property
    def _t5(self) -> bool:
        return self.direction == "seq2seq"

    def encode(self, input_ids, attention_mask=None, *, position_ids=None, cache=None) -> Tensor:
        if self._t5:
            return self.theirs.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        return self.theirs.transformer(
            input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=None if cache is None else cache.cache,
            use_cache=cache is not None,
        ).last_hidden_state

    def decode(self, decoder_input_ids, memory, memory_mask=None, *, decoder_mask=None, cache=None) -> Tensor:
        return self.theirs.decoder(
            decoder_input_ids,
            encoder_hidden_states=memory,
            encoder_attention_mask=memory_mask,
            past_key_values=None if cache is None else cache.cache,
            use_cache=cache is not None,
        ).last_hidden_state

    def logits(self, hidden: Tensor) -> Tensor:
        scale = self.theirs.config.d_model**-0.5 if self._t5 and self.theirs.config.scale_decoder_outputs else 1.0
        return self.theirs.lm_head(hidden * scale)


def gpt2(seed: int = 0) -> Any:
    """Tiny random GPT-2 with logits far enough apart to prefer something."""
    torch.manual_seed(seed)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=48, n_embd=16, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None
    )
    return _sharpened(transformers.GPT2LMHeadModel(config))


def t5(seed: int = 0) -> Any:
    """Tiny random T5."""
    torch.manual_seed(seed)
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=PAD
    )
    return _sharpened(transformers.T5ForConditionalGeneration(config))


def _sharpened(model: Any) -> Any:
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.35)
    return model.eval()


def theirs_generate(
    model: Any, prompts: list[list[int]], eos: int | None, **options: Any
) -> tuple[list[list[int]], list[float] | None]:
    """New tokens of each continuation, padding and the end token cut off, and the scores of beams."""
    ids = torch.tensor(prompts)
    settings = transformers.GenerationConfig(
        eos_token_id=eos,
        pad_token_id=PAD,
        decoder_start_token_id=PAD,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    start = 1 if model.config.is_encoder_decoder else ids.shape[1]
    rows = [row[start:].tolist() for row in out.sequences]
    rows = [row[: row.index(eos)] if eos in row else row for row in rows]
    scores = getattr(out, "sequences_scores", None)
    return rows, None if scores is None else scores.tolist()


PROMPTS = [[5, 9, 23, 7], [11, 2, 2, 30], [39, 38, 4, 17]]
WAYS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "greedy, penalty": {"repetition_penalty": 1.8},
    "greedy, ngrams": {"no_repeat_ngram_size": 2},
    "greedy, minimum": {"min_new_tokens": 9},
    "beam 4": {"num_beams": 4, "num_return_sequences": 4},
    "beam 4, long": {"num_beams": 4, "length_penalty": 2.0},
    "beam 4, short": {"num_beams": 4, "length_penalty": -1.0},
    "beam 3, early": {"num_beams": 3, "early_stopping": True, "num_return_sequences": 3},
    "beam 3, never": {"num_beams": 3, "early_stopping": "never", "length_penalty": 0.6},
    "beam 5, all": {"num_beams": 5, "repetition_penalty": 1.4, "no_repeat_ngram_size": 2, "min_new_tokens": 3},
}


def an_end(model: Any) -> int:
    """A token that the model says of itself after some steps: as end token it ends some hypotheses, not all."""
    rows, _ = theirs_generate(model, PROMPTS, eos=None, max_new_tokens=6)
    return rows[0][-1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("build", [gpt2, t5])
def test_results_are_the_transformers_librarys(build: Any, way: str) -> None:
    reasons = set()
    for seed in range(2):
        model = Wrapped(build(seed)).eval()
        eos = an_end(model.theirs)
        for length in (9, 14):
            expected, scores = theirs_generate(model.theirs, PROMPTS, eos=eos, max_new_tokens=length, **WAYS[way])
            options = GenerationOptions(max_new_tokens=length, **WAYS[way])
            results = generate(model, PROMPTS, options, eos_id=eos, pad_id=PAD)
            assert [result.tokens for result in results] == expected
            if scores is not None:
                assert [result.score for result in results] == pytest.approx(scores, abs=1e-4)
            reasons |= {result.reason for result in results}
    assert "eos" in reasons, "the test should see continuations that end"


@pytest.mark.parametrize("way", ["greedy, penalty", "beam 4", "beam 5, all"])
@pytest.mark.parametrize("build", [gpt2, t5])
def test_loaded_weights_generate_what_they_did(build: Any, way: str, tmp_path: Path) -> None:
    """Saved by the transformers library, loaded into our own model: arithmetic and search are both ours."""
    theirs = build(7)
    theirs.save_pretrained(tmp_path)
    eos = an_end(theirs)
    expected, scores = theirs_generate(theirs, PROMPTS, eos=eos, max_new_tokens=12, **WAYS[way])
    options = GenerationOptions(max_new_tokens=12, **WAYS[way])
    results = generate(pretrained.load(tmp_path), PROMPTS, options, eos_id=eos, pad_id=PAD)
    assert [result.tokens for result in results] == expected
    if scores is not None:
        assert [result.score for result in results] == pytest.approx(scores, abs=1e-4)
