"""Old names of keys and groups: each is refused with its new one, which exists and stands in the changelog."""

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from interlace.configuration.checking import check_run
from interlace.configuration.compose import compose, compose_node
from interlace.configuration.locations import conf_dir
from interlace.configuration.names import choices, groups
from interlace.configuration.renamed import RENAMED, renamed
from interlace.errors import UserError
from interlace.studies.study import Study

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)


def sentence(old):
    return re.escape(f"{old} is called {RENAMED[old]} now")


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_is_refused_with_the_new_one(old):
    texts = [old] if "=" in old else [f"{old}=1", f"+{old}=1", f"++{old}=1", f"~{old}", f"{old}={{a: 1}}"]
    for text in texts:
        with pytest.raises(UserError, match=f"^{sentence(old)}$"):
            compose(["experiment=interactions", text])


@pytest.mark.parametrize("old", [each for each in RENAMED if "=" not in each])
def test_keys_below_an_old_name_follow_it(old):
    assert renamed(f"{old}.own.option") == f"{old}.own.option is called {RENAMED[old]}.own.option now"
    assert renamed(RENAMED[old]) is None


@pytest.mark.parametrize("new", sorted({name for names in RENAMED.values() for name in re.split(r", | and ", names)}))
def test_a_new_name_exists(new):
    group, _, choice = new.partition("=")
    section, *path = group.split(".")
    if section in groups() and path:
        names = [path[0]] if section == "callbacks" else choices(section)
        assert any(path[-1] in compose_node(section, name) for name in names)
        if choice:
            check_run(compose(["experiment=manifest", "data.path=data.jsonl", new]))
    else:
        train = OmegaConf.load(conf_dir() / "train.yaml")
        assert group in groups() or OmegaConf.select(train, new, default="absent") != "absent"
        assert not choice or choice in choices(group)


@pytest.mark.parametrize("old", [each for each in RENAMED if "." not in each and "=" not in each])
def test_a_section_of_an_older_configuration_is_refused(old):
    config = {**compose(["experiment=interactions"]), old: {"max_epochs": 3}}
    with pytest.raises(UserError, match=f"^{sentence(old)}$"):
        check_run(config)


def test_a_key_of_two_old_names_is_told_the_last():
    assert renamed("adaptation.every_steps=3") == "adaptation.every_steps is called finetuning.every_n_steps now"
    assert renamed("levers.nonfinite_loss.max_in_a_row").endswith("callbacks.nonfinite_loss.max_consecutive now")


def test_a_study_file_with_an_old_name_is_refused():
    arms = {"a": ["fusion=sum"], "b": ["fusion=concat"]}
    content = {"name": "x", "question": "?", "base": ["experiment=interactions"], "arms": arms, "seeds": [0],
               "metrics": {"test/accuracy": "max"}}  # fmt: skip
    with pytest.raises(ValueError, match=r"ablations\.a: presence is called missing_modality now"):
        Study(**{**content, "ablations": {"a": ["presence"]}})


def test_the_changelog_has_the_same_table():
    text = CHANGELOG.read_text(encoding="utf-8")
    table = text.partition("#### Configuration keys and groups")[2].partition("####")[0]
    assert dict(ROW.findall(table)) == RENAMED
