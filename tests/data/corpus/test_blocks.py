import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.corpus import Blocks, Shards, pack
from interlace.data.corpus.fitting import best_fit
from interlace.data.loader import BatchLoader
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError

Packed = Callable[..., Shards]
EOS, PAD = 2, 1


@settings(max_examples=150, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    width=st.integers(1, 17),
    lookahead=st.sampled_from([0, 1]),
    packing=st.sampled_from(["chunk", "best_fit"]),
    shard=st.sampled_from([7, 1 << 20]),
)
def test_every_token_is_scored_once_with_its_own_past(
    byte_tokenizer: TextTokenizer, lengths: list[int], width: int, lookahead: int, packing: str, shard: int
) -> None:
    # Every token of the corpus is another one, so that each can be found again: document d has bytes of its own.
    rng = np.random.default_rng(len(lengths))
    texts = ["".join(map(chr, rng.integers(33, 120, length))) for length in lengths]
    with tempfile.TemporaryDirectory() as folder:
        shards = pack(texts, byte_tokenizer, Path(folder) / "a", shard_tokens=shard)
        blocks = Blocks(shards, block_length=width, lookahead=lookahead, packing=packing, pad_id=PAD)  # type: ignore[arg-type]
        everything = np.arange(len(blocks))
        rows, mask, documents = (f(everything) for f in (blocks.rows, blocks.mask, blocks.document_ids))
        scored = blocks._scored(everything)
        stream = shards.take(np.arange(len(shards)))
    assert rows.shape == (len(blocks), width + lookahead)
    assert mask.shape == documents.shape == (len(blocks), width)
    assert sorted(scored[mask].tolist()) == list(range(len(stream)))
    assert (rows[:, lookahead:][mask] == stream[scored[mask]]).all()
    assert (rows[:, lookahead:][~mask] == PAD).all()
    owners = np.repeat(np.arange(len(lengths)), np.array(lengths) + 1)
    assert (documents[mask] == owners[scored[mask]]).all()
    assert (documents[~mask] == -1).all()
    if lookahead:
        # What stands before a target is the token before it in its document, or a separator at its beginning.
        before = rows[:, :-1][mask]
        begins = np.isin(scored[mask], np.cumsum([0, *(n + 1 for n in lengths)]))
        assert (before[begins] == EOS).all()
        assert (before[~begins] == stream[scored[mask][~begins] - 1]).all()


@settings(max_examples=200, deadline=None)
@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=40), width=st.integers(1, 20), alone=st.booleans())
def test_best_fit_loses_and_repeats_nothing(lengths: list[int], width: int, alone: bool) -> None:
    bounds = np.cumsum([0, *lengths])
    layout = best_fit(bounds, width, alone=alone)
    covered = [p for s, n in zip(layout.start, layout.length, strict=True) for p in range(s, s + n)]
    assert sorted(covered) == list(range(bounds[-1]))
    rows = [slice(a, b) for a, b in zip(layout.row, layout.row[1:], strict=False)]
    for row in rows:
        assert layout.length[row].sum() <= width
        assert layout.column[row].tolist() == [0, *np.cumsum(layout.length[row])[:-1].tolist()]
        # A document that does not begin here comes first.
        inner = (layout.start[row] != bounds[layout.document[row]]).nonzero()[0].tolist()
        assert not alone or inner in ([], [0])
    # Best-fit decreasing needs at most 11/9 of the best number of rows (and 6/9); the sum is a bound on that best.
    if not alone and max(lengths) <= width:
        assert len(rows) <= 11 / 9 * _fewest_rows(lengths, width) + 6 / 9


def _fewest_rows(lengths: list[int], width: int) -> int:
    """The optimum: by search for few lengths, else a lower bound would prove nothing, so a first-fit upper bound."""
    items = sorted(lengths, reverse=True)
    if len(items) > 9:
        rows: list[int] = []
        for length in items:
            place = next((i for i, used in enumerate(rows) if used + length <= width), len(rows))
            rows[place : place + 1] = [length + (rows[place] if place < len(rows) else 0)]
        return len(rows)
    best = [len(items)]

    def search(index: int, rows: list[int]) -> None:
        if len(rows) >= best[0]:
            return
        if index == len(items):
            best[0] = len(rows)
            return
        for i, used in enumerate(rows):
            if used + items[index] <= width:
                search(index + 1, [*rows[:i], used + items[index], *rows[i + 1 :]])
        search(index + 1, [*rows, items[index]])

    search(0, [])
    return best[0]


def test_best_fit_on_a_known_case() -> None:
    layout = best_fit(np.cumsum([0, 5, 3, 2, 6, 4]), 8, alone=False)
    rows = [layout.document[a:b].tolist() for a, b in zip(layout.row, layout.row[1:], strict=False)]
    assert rows == [[3, 2], [0, 1], [4]]


def shown(row: Iterable[int]) -> str:
    return "".join({EOS: "|", PAD: "_"}[i] if i < 5 else chr(i - 5) for i in row)


def test_rows_of_chunks_by_hand(packed: Packed) -> None:
    shards = packed(["abcd", "ef", "ghijkl"])
    blocks = Blocks(shards, block_length=4, lookahead=1, pad_id=PAD)
    assert [shown(row) for row in blocks.rows(np.arange(len(blocks)))] == ["|abcd", "d|ef|", "|ghij", "jkl|_"]
    assert blocks.document_ids(np.arange(4)).tolist() == [[0, 0, 0, 0], [0, 1, 1, 1], [2, 2, 2, 2], [2, 2, 2, -1]]
    assert blocks.positions(np.arange(4)).tolist() == [[0, 1, 2, 3], [0, 0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 0]]
    plain = blocks.with_lookahead(0)
    assert [shown(row) for row in plain.rows(np.arange(len(plain)))] == ["abcd", "|ef|", "ghij", "kl|_"]


def test_rows_of_best_fit_by_hand(packed: Packed) -> None:
    shards = packed(["abcd", "ef", "ghijklmno"])
    blocks = Blocks(shards, block_length=8, lookahead=1, packing="best_fit", pad_id=PAD)
    batch = blocks.batch(np.arange(len(blocks)))
    # The long one fills a row; its rest, after its own last token, shares one with "abcd"; "ef" is left over.
    assert [shown(row) for row in batch["tokens"].tolist()] == ["|ghijklmn", "no|abcd|_", "|ef|_____"]
    assert batch["mask"].sum(1).tolist() == [8, 7, 3]
    assert batch["document_ids"].tolist()[1] == [2, 2, 0, 0, 0, 0, 0, -1]
    assert batch["position_ids"].tolist()[1] == [0, 1, 0, 1, 2, 3, 4, 0]
    assert {key: value.dtype for key, value in batch.items()} == {
        "index": torch.int64, "tokens": torch.int64, "mask": torch.bool,
        "document_ids": torch.int64, "position_ids": torch.int64,
    }  # fmt: skip


def test_random_windows_depend_on_seed_epoch_and_index_alone(packed: Packed) -> None:
    shards = packed(["".join(chr(33 + n % 90) for n in range(1000))])
    stream = shards.take(np.arange(len(shards)))

    def rows(seed: int, epoch: int, indices: list[int]) -> np.ndarray:
        blocks = Blocks(shards, block_length=16, sampling="random", seed=seed)
        blocks.set_epoch(epoch)
        assert len(blocks) == 1001 // 16
        return blocks.rows(np.array(indices))

    first = rows(0, 0, [0, 5, 61])
    assert (rows(0, 0, [61, 5, 0])[::-1] == first).all()
    assert not (rows(0, 1, [0, 5, 61]) == first).all()
    assert not (rows(1, 0, [0, 5, 61]) == first).all()
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([[EOS], stream]), 17)
    assert all((windows == row).all(1).any() for row in first)
    starts = Blocks(shards, block_length=16, sampling="random")._random_starts()
    assert starts.min() >= 0
    assert starts.max() <= 1001 - 16
    assert len(set(starts.tolist())) > 50


def test_ranks_see_each_row_once_and_a_resumed_epoch_is_the_tail(packed: Packed) -> None:
    shards = packed(["".join(chr(33 + n % 90) for n in range(997)) for _ in range(3)])
    blocks = Blocks(shards, block_length=16)

    def tokens(rank: int, ranks: int, start: int = 0, epoch: int = 2) -> list[torch.Tensor]:
        loader = BatchLoader(blocks, 8 // ranks, shuffle=True, seed=3, drop_last=False, rank=rank, world_size=ranks)  # type: ignore[arg-type]
        loader.set_epoch(epoch)
        loader.start_batch = start
        return [batch["tokens"] for batch in loader]

    whole = tokens(0, 1)
    assert sum(len(batch) for batch in whole) == len(blocks)
    shared = [torch.cat(parts) for parts in zip(tokens(0, 2), tokens(1, 2), strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(whole, shared, strict=True))
    # Stopped after 5 batches on one rank, gone on with two.
    rest = [torch.cat(parts) for parts in zip(tokens(0, 2, start=5), tokens(1, 2, start=5), strict=True)]
    assert len(rest) == len(whole) - 5
    assert all(torch.equal(a, b) for a, b in zip(whole[5:], rest, strict=True))
    assert not torch.equal(tokens(0, 1, epoch=3)[0], whole[0])


def test_without_a_separator_the_first_token_is_no_target(tmp_path: Path, byte_tokenizer: TextTokenizer) -> None:
    state = byte_tokenizer.state()
    state["roles"] |= {"eos": None, "sep": None}
    shards = pack(["abcdefgh"], TextTokenizer.from_state(state), tmp_path / "a")
    blocks = Blocks(shards, block_length=4, lookahead=1, pad_id=PAD)
    assert [[i - 5 for i in row] for row in blocks.rows(np.arange(2)).tolist()] == [
        list(b"abcde"),
        [*b"efgh", PAD - 5],
    ]
    assert len(Blocks(shards, block_length=4, lookahead=0)) == 2
    with pytest.raises(UserError, match="has no end or separator token"):
        Blocks(shards, block_length=4, packing="best_fit")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block_length": 0}, "data.block_length: got 0; expected at least 1"),
        ({"block_length": 4, "packing": "best_fit", "sampling": "random"}, "random windows need data.packing=chunk"),
        ({"block_length": 100, "sampling": "random"}, "data.block_length: 100 is more than the 4 tokens"),
    ],
)
def test_bad_options(packed: Packed, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Blocks(packed(["abc"]), **options)
