"""The nearest valid name."""

from interlace.configuration.suggestions import did_you_mean


def test_a_near_name_is_offered_and_all_are_listed():
    clause = did_you_mean("atention", ["attention", "concat"])
    assert "did you mean 'attention'" in clause
    assert "concat" in clause
    assert did_you_mean("zzz", ["b", "a"]) == "valid: a, b"
