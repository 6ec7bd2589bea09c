"""Composition."""

import pytest

from interlace.configuration.compose import compose, compose_node, compose_seeds
from interlace.configuration.names import choices, groups
from interlace.errors import UserError


def test_composing_seeds_at_once_is_composing_each():
    overrides = ["experiment=scenes", "fusion=tensor", "study=s", "arm=a"]
    assert compose_seeds(overrides, [0, 3]) == [compose([*overrides, f"seed={n}"]) for n in (0, 3)]


def test_names_come_from_the_choices():
    config = compose(["experiment=av_digits", "fusion=sum"])
    assert (config["study"], config["arm"]) == ("av_digits", "sum")
    assert config["choices"]["data"] == "av_digits"
    assert compose([])["study"] == "scenes"


def test_seed_zero_and_two_seeds():
    assert compose(["seed=0"])["seed"] == {"model": 0, "data": 0}
    assert compose(["seed.model=4"])["seed"] == {"model": 4, "data": 0}


def test_null_takes_a_part_out_whatever_the_preset_chose():
    config = compose(["experiment=finetune/sst2", "fusion=null", "model=bag_of_words"])
    assert config["fusion"] is config["encoder"] is config["head"] is None
    assert config["arm"] == "bag_of_words"
    without = compose(["experiment=finetune/sst2", "model=null", "encoder/text=lstm"])
    assert without["model"] is None
    assert without["choices"]["encoder/text"] == "lstm"
    with pytest.raises(UserError, match="trainer: missing"):
        compose(["trainer=null"])


def test_an_encoder_of_its_own_for_one_modality():
    config = compose(["+encoder/image@encoders.photo=timm", "encoders.photo.model=resnet10t"])
    assert config["encoders"]["photo"]["model"] == "resnet10t"


def test_a_node_is_plain_data_and_unknown_ones_are_refused():
    assert compose_node("fusion", "concat")["_target_"].endswith("ConcatFusion")
    with pytest.raises(UserError, match="did you mean 'concat'"):
        compose_node("fusion", "concta")


def test_every_seed_is_checked_and_components_once(monkeypatch):
    """Components are told no seed and are bound for the first; a seed that no run may have is refused in any place."""
    from interlace.configuration import compose as module

    checked = []
    monkeypatch.setattr(module, "check", lambda config: checked.append(config["seed"]["model"]))
    configs = compose_seeds(["experiment=interactions", "fusion=concat"], [2, 0, 5])
    assert [config["seed"]["model"] for config in configs] == [2, 0, 5]
    assert checked == [2]
    with pytest.raises(UserError, match="seed"):
        compose_seeds(["experiment=interactions", "fusion=concat"], [2, -1])


@pytest.mark.parametrize("kind", sorted(g.removeprefix("encoder/") for g in groups() if g.startswith("encoder/")))
def test_any_encoder_can_be_chosen_for_ones_own_data(kind):
    """The preset chooses files of conf/encoder, and so leaves no option behind that another encoder has not."""
    for name in choices(f"encoder/{kind}"):
        more = [f"encoder.{kind}.init_from=run"] if name == "trained" else []
        config = compose(["experiment=manifest", "data.path=a.jsonl", f"encoder/{kind}={name}", *more])
        assert config["encoder"][kind]["_target_"] == compose_node(f"encoder/{kind}", name)["_target_"]
