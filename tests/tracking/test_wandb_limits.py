"""Group, name and tags as long as W&B takes them."""

from hypothesis import given
from hypothesis import strategies as st

from interlace.tracking.wandb_client import within_limits

LONG = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


@given(LONG, LONG, st.lists(LONG, max_size=4))
def test_what_is_cut_stays_apart_and_the_rest_as_it_is(first, second, tags):
    cut = [within_limits({"group": text, "name": text, "tags": tags, "id": text}) for text in (first, second)]
    for text, fields in zip((first, second), cut, strict=True):
        assert len(fields["group"]) <= 128
        assert fields["group"] == fields["name"]
        assert (fields["name"] == text) == (len(text) <= 128)
        assert fields["id"] == text
        assert all(len(tag) <= 64 for tag in fields["tags"])
        assert len(fields["tags"]) == len(set(tags))
    same_start = [within_limits({"name": "x" * 200 + text})["name"] for text in (first, second)]
    assert (same_start[0] == same_start[1]) == (first == second)
