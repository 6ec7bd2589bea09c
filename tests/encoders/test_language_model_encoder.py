"""Language models as text encoders, beside transformers."""

import pytest
import torch
from tokenizers.processors import BertProcessing

from interlace.assembly import constructor
from interlace.configuration.compose import compose_node
from interlace.data.sequences import SequenceTokenizer
from interlace.data.tokenizers import TextTokenizer
from interlace.encoders.language_model import LanguageModelEncoder
from interlace.pretrained import load
from interlace.tokens import ModalitySpec, RawBatch

PAIRS = [("a man plays", "the man is outside now"), ("dogs run home", "cats sleep"), ("one", "two three four")]


@pytest.fixture(scope="module")
def sequences():
    words = " ".join(text for pair in PAIRS for text in pair).split()
    tokenizer = TextTokenizer.train("wordpiece", words * 20, 90)
    return SequenceTokenizer(tokenizer, columns=["premise", "hypothesis"], max_tokens=24)


def batch(sequences):
    x, length = sequences.padded(sequences.encode_rows(PAIRS))
    return RawBatch(torch.from_numpy(x), torch.from_numpy(length), torch.ones(len(x), dtype=torch.bool))


def spec_of(sequences, separator):
    return ModalitySpec("text", (24,), vocabulary_size=len(sequences), pair_separator=separator)


def test_a_pair_is_read_as_transformers_reads_it(sequences, tmp_path):
    """Ids and token types of the tokenizers library's own template, states of BertModel."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(sequences), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, pad_token_id=sequences.pad_id, attn_implementation="eager",
    )  # fmt: skip
    theirs = transformers.BertForPreTraining(config).eval()
    theirs.save_pretrained(tmp_path)
    encoder = LanguageModelEncoder(
        spec=spec_of(sequences, sequences.pair_separator), language_model=load(tmp_path), take="all"
    ).eval()
    raw = batch(sequences)
    backend = sequences.tokenizer.backend
    backend.post_processor = BertProcessing(("[SEP]", sequences.sep_id), ("[CLS]", sequences.cls_id))
    tokens = encoder(raw)
    for row, pair in enumerate(PAIRS):
        template = backend.encode(*pair)
        length = len(template.ids)
        assert raw.x[row, :length].tolist() == template.ids
        assert set(template.type_ids) == {0, 1}
        ids, types = torch.tensor([template.ids]), torch.tensor([template.type_ids])
        with torch.no_grad():
            expected = theirs.bert(ids, token_type_ids=types).last_hidden_state[0]
            untyped = theirs.bert(ids).last_hidden_state[0]
        torch.testing.assert_close(tokens.x[row, :length], expected, atol=1e-5, rtol=1e-5)
        assert (expected - untyped).abs().max() > 1e-3, "else the types would make no difference here"


@pytest.mark.parametrize("name", ["bert", "roberta", "gpt2"])
def test_only_pairs_have_a_second_type_and_only_where_the_model_knows_types(name, sequences):
    node = {**compose_node("model", name), "dim": 8, "num_layers": 1, "num_heads": 2, "feed_forward_dim": 16}
    seen = []

    def states(separator):
        torch.manual_seed(0)
        model = constructor(node)(vocabulary_size=len(sequences), pad_id=0)
        encoder = LanguageModelEncoder(spec=spec_of(sequences, separator), language_model=model, take="all")
        encode = model.encode
        model.encode = lambda *args, **kwargs: seen.append(kwargs["token_type_ids"]) or encode(*args, **kwargs)
        return encoder.eval()(batch(sequences)).x

    single, pair = states(None), states(sequences.pair_separator)
    assert seen[0] is None
    assert (seen[1] is not None) == (name == "bert")
    assert torch.equal(single, pair) == (name != "bert")


def test_a_missing_pair_has_no_second_text(sequences):
    node = {**compose_node("model", "bert"), "dim": 8, "num_layers": 1, "num_heads": 2, "feed_forward_dim": 16}
    model = constructor(node)(vocabulary_size=len(sequences), pad_id=0)
    spec = spec_of(sequences, sequences.pair_separator)
    encoder = LanguageModelEncoder(spec=spec, language_model=model, take="first").eval()
    raw = batch(sequences)
    length = raw.length.clone()
    length[1] = 0
    tokens = encoder(RawBatch(raw.x, length, length > 0))
    assert tokens.present.tolist() == [True, False, True]
    assert bool(torch.isfinite(tokens.x).all())
    torch.testing.assert_close(tokens.x[0], encoder(raw).x[0])
    assert not tokens.x[1].any()
