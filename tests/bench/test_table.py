"""Tables of outcomes."""

import io

from rich.console import Console

from interlace.bench import table
from interlace.bench.rows import Contender, Row, concluded


def outcome(**changes):
    given = {"name": "toy", "title": "toy", "unit": "tokens/s", "larger_is_better": True, "target": 2.0}
    row = Row(**{**given, "ours": ("ours",), "peers": ("peer",), "commands": (), **changes})
    peer = Contender("peer", "peer", (), values=[1000, 1200, 1100], peak_memory_mb=[50, 70, 60])
    ours = Contender("ours", "ours", (), values=[3000, 3000, 3300], peak_memory_mb=[2000, 2000, 2000])
    return concluded(row, [ours, peer])


def test_cells():
    assert table.lines(outcome()) == [
        ("toy", "peer *", "1,100 tokens/s (1,000 to 1,200)", "60", "", ""),
        ("", "ours *", "3,000 tokens/s (3,000 to 3,300)", "2,000", "3 x (2.50 to 3.00)", "2 x: reached"),
    ]


def test_a_missed_target_stands_out():
    assert table.lines(outcome(target=3.5))[1][-1] == "3.5 x: MISSED"


def test_a_bound_stands_beside_its_contender():
    given = outcome(target=None, at_most={"ours": 3100.0})
    assert [cells[-1] for cells in table.lines(concluded(given.row, given.contenders[:1]))] == [
        "at most 3,100: reached"
    ]
    given = concluded(
        Row("toy", "toy", "s", False, ("ours", "peer"), (), (), None, at_most={"peer": 1.5}), given.contenders
    )
    assert [cells[-1] for cells in table.lines(given)] == ["at most 1.5: MISSED", ""]
    given = outcome(target=None, at_least={"ours": 2000.0})
    assert [cells[-2:] for cells in table.lines(given)] == [("", ""), ("3 x (2.50 to 3.00)", "at least 2,000: reached")]


def test_what_was_not_run_says_why_and_nothing_is_compared():
    given = outcome()
    peer = Contender("peer", "peer", (), status="not run", reason="needs x")
    rows = table.lines(concluded(given.row, [peer, given.ours]))
    assert rows[0] == ("toy", "peer", "not run: needs x", "", "", "")
    assert rows[1][1] == "ours"
    assert rows[1][4:] == ("", "")


def test_small_figures_keep_three_digits():
    assert [table.number(x) for x in (0.01234, 1.2345, 99.94, 123.4, 56789.0)] == [
        "0.0123", "1.23", "99.9", "123", "56,789",
    ]  # fmt: skip


def test_plain_lines_without_a_terminal(capsys):
    table.show([outcome()], Console(file=io.StringIO()))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["row", "contender", "figure", "memory", "MB", "ratio", "target"]
    assert len(printed) == 3
    assert printed[2].endswith("2 x: reached")


def test_a_terminal_gets_a_drawn_table():
    stream = io.StringIO()
    table.show([outcome()], Console(file=stream, force_terminal=True, width=140))
    assert "┃" in stream.getvalue()
    assert "2 x: reached" in stream.getvalue()
