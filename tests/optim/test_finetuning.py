"""What each adaptation trains and what it leaves, to the bit."""

import copy

import pytest
import torch
from torch import nn

from interlace.assembly import constructor
from interlace.configuration.checking import check_node
from interlace.configuration.compose import compose_node
from interlace.configuration.names import choices
from interlace.errors import UserError
from interlace.nn.lora import LoRALinear
from interlace.nn.transformer import TransformerEncoder
from interlace.optim.adamw import build_adamw
from interlace.optim.finetuning import FrozenTuning, FullTuning, GradualUnfreezing, LoRATuning


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.encoder = TransformerEncoder(dim=8, num_layers=2, num_heads=2, ratio=1, dropout=0.0)
        self.head = nn.Linear(8, 3)

    def forward(self, ids):
        return self.head(self.encoder(self.embedding(ids)).mean(1))


def make_model():
    torch.manual_seed(0)
    return Classifier()


def make_optimizer(model):
    return build_adamw(model, 1e-2, (0.9, 0.99), 1e-8, 0.1)


def train(model, optimizer, adaptation, steps):
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        ids, label = torch.randint(11, (6, 5), generator=generator), torch.randint(3, (6,), generator=generator)
        adaptation.on_step(step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(ids), label).backward()
        optimizer.step()


def changed(model, before):
    return {n for n, v in model.state_dict().items() if n in before and not torch.equal(v, before[n])}


@pytest.mark.parametrize("name", choices("finetuning"))
def test_every_file_is_complete_checks_and_applies(name):
    node = compose_node("finetuning", name)
    check_node("finetuning", node)
    model = Bridged(make_model()) if "decoder.language_model" in str(node) else make_model()
    adaptation = constructor(node)()
    adaptation.apply(model)
    train(model, make_optimizer(model), adaptation, range(2))


class Bridged(nn.Module):
    """A language model inside a decoder, with something to train beside it."""

    def __init__(self, language_model):
        super().__init__()
        self.decoder = nn.Module()
        self.decoder.language_model = language_model
        self.decoder.bridge = nn.Linear(3, 3)
        self.encoders, self.fusion = nn.ModuleList([nn.Linear(3, 3)]), nn.Linear(3, 3)

    def forward(self, ids):
        return self.decoder.bridge(self.fusion(self.encoders[0](self.decoder.language_model(ids))))


def test_full_trains_everything():
    model = make_model()
    before = copy.deepcopy(model.state_dict())
    FullTuning().apply(model)
    train(model, make_optimizer(model), FullTuning(), range(2))
    assert changed(model, before) == set(before)


def test_frozen_parameters_stay_to_the_bit():
    model = make_model()
    adaptation = FrozenTuning(freeze=["embedding.*", "encoder.*"], exclude=["encoder.layers.1.*"], frozen_encoders=None)
    adaptation.apply(model)
    before = copy.deepcopy(model.state_dict())
    train(model, make_optimizer(model), adaptation, range(3))
    assert changed(model, before) == {n for n in before if n.startswith(("encoder.layers.1.", "head."))}


def test_frozen_batch_norm_keeps_its_statistics():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    adaptation = FrozenTuning(freeze=["1.*"], exclude=[], frozen_encoders=None)
    adaptation.apply(model)
    model.train()
    adaptation.on_step(0)
    model(torch.randn(8, 4) + 5.0)
    assert torch.equal(model[1].running_mean, torch.zeros(4))


def test_lora_trains_its_matrices_and_what_is_named():
    model = make_model()
    options = {"rank": 2, "alpha": 4.0, "dropout": 0.0, "fused": {"*projection": [True, False, True]}}
    adaptation = LoRATuning(layers=["*attention.projection"], train=["head.*"], frozen_encoders=None, **options)
    adaptation.apply(model)
    assert sum(isinstance(m, LoRALinear) for m in model.modules()) == 2
    before = copy.deepcopy(model.state_dict())
    train(model, make_optimizer(model), adaptation, range(3))
    assert changed(model, before) == {n for n in before if "lora_" in n or n.startswith("head.")}


def test_gradual_opens_one_layer_more_from_the_top():
    model = make_model()
    adaptation = GradualUnfreezing(every_n_steps=2, always=[], frozen_encoders=None)
    adaptation.apply(model)
    optimizer = make_optimizer(model)
    top = {n for n, _ in model.named_parameters() if n.startswith(("head.", "encoder.norm."))}
    opened = [top, *({n for n, _ in model.named_parameters() if n.startswith(p)}
                     for p in ("encoder.layers.1.", "encoder.layers.0.", "embedding."))]  # fmt: skip
    for stage in range(4):
        before = copy.deepcopy(model.state_dict())
        train(model, optimizer, adaptation, range(2 * stage, 2 * stage + 2))
        expected = set().union(*opened[: stage + 1])
        assert changed(model, before) == expected
        assert len(optimizer.state) == len(expected)  # no momentum of what is frozen


def test_gradual_resumes_exactly():
    whole = make_model()
    adaptation = GradualUnfreezing(every_n_steps=2, always=[], frozen_encoders=None)
    adaptation.apply(whole)
    optimizer = make_optimizer(whole)
    train(whole, optimizer, adaptation, range(3))
    saved = copy.deepcopy((whole.state_dict(), optimizer.state_dict()))
    train(whole, optimizer, adaptation, range(3, 7))
    resumed, again = make_model(), GradualUnfreezing(every_n_steps=2, always=[], frozen_encoders=None)
    again.apply(resumed)
    other = make_optimizer(resumed)
    resumed.load_state_dict(saved[0])
    other.load_state_dict(saved[1])
    train(resumed, other, again, range(3, 7))
    assert all(torch.equal(v, resumed.state_dict()[n]) for n, v in whole.state_dict().items())


def test_gradual_keeps_open_what_is_named():
    model = make_model()
    adaptation = GradualUnfreezing(every_n_steps=5, always=["embedding.*"], frozen_encoders=None)
    adaptation.apply(model)
    adaptation.on_step(0)
    assert model.embedding.weight.requires_grad
    assert not model.encoder.layers[1].attention.output.weight.requires_grad


def test_what_is_refused():
    with pytest.raises(UserError, match=r"finetuning.freeze: no parameter has a name matching 'heda"):
        FrozenTuning(freeze=["heda.*"], exclude=[], frozen_encoders=None).apply(make_model())
    with pytest.raises(UserError, match="nothing is left to train"):
        FrozenTuning(freeze=["*"], exclude=[], frozen_encoders=None).apply(make_model())
    with pytest.raises(UserError, match="no stack of layers"):
        GradualUnfreezing(every_n_steps=1, always=[], frozen_encoders=None).apply(nn.Linear(2, 2))
