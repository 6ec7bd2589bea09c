"""Expansion is a pure function with known counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.studies.expansion import expand
from interlace.studies.study import Study


def study(**changes):
    return Study(
        **{
            "name": "toy",
            "question": "?",
            "base": ["experiment=scenes"],
            "arms": {"a": ["fusion=concat"], "b+c": ["fusion=sum"]},
            "seeds": [0, 1, 2],
            "metrics": {"test/accuracy": "max"},
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 6),
        ({"factors": {"x": [1, 2], "y": [3, 4]}}, 24),
        ({"factors": {"x": [1, 2], "y": [3, 4]}, "mode": "zip"}, 12),
        ({"factors": [{"x": 1}, {"y": 2}, {"x": 3}], "mode": "list"}, 18),
        ({"factors": {"x": [1, 2]}, "exclude": [{"arm": "a", "x": 2}]}, 9),
    ],
)
def test_counts(changes, count):
    specs = expand(study(**changes))
    assert len(specs) == count
    assert len({(s.arm, str(s.factors), s.seed) for s in specs}) == count


def test_whole_comparisons_come_seed_by_seed():
    assert [s.seed for s in expand(study())] == [0, 0, 1, 1, 2, 2]


def test_overrides_of_the_caller_come_after_the_arms_own():
    overrides = expand(study(), ("trainer.max_epochs=1",))[1].overrides
    assert overrides == (
        "experiment=scenes", "fusion=sum", "trainer.max_epochs=1", "seed=0", "study=toy", 'arm="b+c"',
    )  # fmt: skip


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True), st.integers(1, 3), st.integers(1, 3))
def test_a_grid_is_the_product(seeds, rows, columns):
    factors = {"x": list(range(rows)), "y": list(range(columns))}
    assert len(expand(study(seeds=seeds, factors=factors))) == 2 * len(seeds) * rows * columns


def test_folds_are_repetitions_with_seeds_of_their_own():
    specs = expand(study(folds=3, seeds=[0, 2]))
    assert len(specs) == 2 * 2 * 3
    chosen = [(s.seed, next(o for o in s.overrides if o.startswith("data.fold="))) for s in specs if s.arm == "a"]
    assert chosen == [(seed * 3 + fold, f"data.fold={fold}") for seed in (0, 2) for fold in range(3)]
    assert all("data.num_folds=3" in s.overrides for s in specs)


def test_an_arm_names_parents_that_exist():
    parents = {"bert": ["experiment=pretrain/bert"]}
    arms = {"a": ["model.init_from=parent:bert"]}
    assert study(parents=parents, arms=arms).parents == parents
    with pytest.raises(ValueError, match="no parent 'bart'; did you mean 'bert'"):
        study(parents=parents, arms={"a": ["model.init_from=parent:bart"]})


def test_named_levels_are_lists_of_overrides():
    levels = {"easy": ["data.level=1"], "hard": ["data.level=3", "trainer.max_epochs=9"]}
    made = study(factors={"task": levels, "x": [1]})
    specs = {(s.arm, s.factors["task"]): s.overrides for s in expand(made) if s.seed == 0}
    assert specs["a", "hard"][2:5] == ("data.level=3", "trainer.max_epochs=9", "x=1")
    assert specs["a", "easy"][2:4] == ("data.level=1", "x=1")
    assert made.conditions == ["task"]


def test_ablations_leave_each_override_out_in_turn():
    arms = {"full": ["fusion=attention", "missing_modality=modality_dropout", "auxiliary=unimodal_heads"]}
    made = study(arms=arms, ablations={"full": ["missing_modality", "auxiliary"]})
    assert made.arms == {
        **arms,
        "full-without-missing_modality": ["fusion=attention", "auxiliary=unimodal_heads"],
        "full-without-auxiliary": ["fusion=attention", "missing_modality=modality_dropout"],
    }


def test_ablations_by_name_say_what_takes_a_part_out():
    made = study(arms={"full": ["fusion=attention"]}, ablations={"full": {"depth": ["fusion.num_layers=1"]}})
    assert made.arms["full-without-depth"] == ["fusion=attention", "fusion.num_layers=1"]


@pytest.mark.parametrize(
    ("ablations", "message"),
    [
        ({"ful": ["missing_modality"]}, "ablations: no arm 'ful'; did you mean 'a'|ablations: no arm 'ful'"),
        ({"a": ["fusio"]}, "ablations.a: the arm has no override fusio; did you mean 'fusion'"),
    ],
)
def test_ablations_name_what_exists(ablations, message):
    with pytest.raises(ValueError, match=message):
        study(ablations=ablations)
