"""Study files: what YAML does in silence is refused with its line."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.errors import UserError
from interlace.studies.study import load_study
from interlace.studies.study_file import NUMBER_AS_TEXT, read_study_file

GOOD = """name: toy
question: "which: a or b?"
base: [experiment=scenes]
arms:
  a: [fusion=concat]
  b: [fusion=sum]
seeds: [0, 1]
metrics: {test/accuracy: max}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  b: [fusion=sum]", "  b: [fusion=sum]\n  b: [fusion=gated]",
         "line 7: duplicate key 'b', first in line 6"),
        ("seeds: [0, 1]", "seeds: [0, 1]\nseeds: [7]", "line 8: duplicate key 'seeds', first in line 7"),
        ("[fusion=sum]", "[fusion=concat]", "line 6: arm 'b' has the same overrides as arm 'a' .line 5."),
        ("  b: [fu", "\tb: [fu", "line 6: not YAML: a tab"),
        ('"which: a or b?"', "which: a or b?", 'line 2: .*a colon and a space.* question: "which: a or b[?]"'),
        ("  b:", "  on:", 'line 6: YAML reads the key on as true or false; write it in quotes: "on":'),
        ("  b:", "  5:", 'line 6: YAML reads the key 5 as a number; write it in quotes: "5":'),
        ("name: toy", "name: 20240511",
         'line 1: name: YAML reads 20240511 as a number; write it in quotes: "20240511"'),
        ("name: toy", "name: on", "line 1: name: YAML reads on as true or false"),
        ("name: toy", "name: 2024-05-11", 'line 1: YAML reads 2024-05-11 as a date; write it in quotes: "2024-05-11"'),
        ("seeds: [0, 1]", "seeds: [0, 010]", "line 7: YAML reads 010 as 8"),
        ("seeds: [0, 1]", "seeds: [0, 12:30]", "line 7: YAML reads 12:30 as 750"),
        ("seeds: [0, 1]", "seeds: [0, 4294967296]", "line 7: seeds.1: should be less than"),
        ("seeds: [0, 1]", "seeds: [0, 1]\nfactors: {optimizer.learning_rate: [1e-3]}",
         'line 8: YAML reads 1e-3 as text; write 1.0e-3 for the number, or "1e-3" for the text'),
        ("seeds: [0, 1]", "seeds: [0, 1]\nbaseline: c", "line 8: baseline: no arm 'c'"),
        ("seeds: [0, 1]", "sedes: [0, 1]", "line 7: sedes: no such key; did you mean 'seeds'"),
        ("[fusion=sum]", "[fusion=sum, 5]", 'line 6: arms.b.1: YAML reads 5 as a number; write it in quotes: "5"'),
        ("[fusion=sum]", "&x [*x]", "an alias refers to a value that contains the alias itself"),
        ("[fusion=sum]", "!!python/object:os.system []", "study.yaml, line 6"),
    ],
)  # fmt: skip
def test_each_is_one_sentence_with_its_line(tmp_path, old, new, expected):
    (tmp_path / "study.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UserError, match=expected) as caught:
        load_study(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_aliases_that_multiply_are_bounded(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (tmp_path / "study.yaml").write_text("\n".join(lines))
    with pytest.raises(UserError, match="with its aliases expanded"):
        load_study(str(tmp_path))


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
TEXT = st.text(st.characters(codec="utf-8"), max_size=8).filter(
    lambda text: not NUMBER_AS_TEXT.fullmatch(text)  # YAML writes 0E0 as it is, and here it is refused
)
KEYS = st.text("abcö :#-'\"1", max_size=4)
DATA = st.recursive(
    PLAIN | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
PIECES = ["", "\t", ": ", "[", "{", "}", "- ", "*a", "&a ", "<<: ", "!", "|", "null", "1e5", "\x00", "'", "?"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), DATA, max_size=3), st.booleans())
def test_what_is_written_by_yaml_is_read_alike(tmp_path_factory, content, flow):
    path = tmp_path_factory.getbasetemp() / "drawn.yaml"
    text = yaml.safe_dump(content, allow_unicode=True, default_flow_style=flow)
    path.write_text(text, encoding="utf-8", newline="")
    assert read_study_file(path).content == yaml.safe_load(text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_change_of_a_study_file_is_read_or_refused_in_one_sentence(tmp_path_factory, data):
    text = list(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(PIECES))
        text = text or ["\n"]
    path = tmp_path_factory.getbasetemp() / "changed.yaml"
    path.write_text("".join(text), encoding="utf-8")
    try:
        load_study(str(path))
    except UserError as error:
        told = str(error)
        assert told.startswith(str(path))
        assert len(told.splitlines()) == 1
