import hydra.utils
import pytest

from interlace.configuration.compose import compose_node
from interlace.data.augmentation import TrainingText
from interlace.errors import UserError

SMALL = {
    "num_per_class": 6, "max_rounds": 40, "max_words": 20, "max_length": 6, "dim": 16, "hidden_dim": 32,
    "num_filters": 16, "filter_widths": [2], "pretrain_steps": 60, "adversarial_steps": 10, "batch_size": 32,
    "pretrain_lr": 0.01,
}  # fmt: skip
NICE, BAD = ["lovely", "great", "fine"], ["dull", "awful", "weak"]


def rows() -> list[TrainingText]:
    made = []
    for i in range(120):
        words = NICE if i % 2 else BAD
        subject = ["film", "play", "song", "book", "tale", "show", "plot"][i % 7]
        made.append(
            TrainingText((f"A {words[i % 3]} {subject} , {words[i // 3 % 3]} !",), "pos" if i % 2 else "neg", str(i))
        )
    return made


def synthesis(**options):
    return hydra.utils.instantiate({**compose_node("text_augmentation", "gan"), **SMALL, **options}, _convert_="all")


def test_texts_of_each_class_have_its_words() -> None:
    made = synthesis().expand(rows(), 0)[120:]
    assert [row.label for row in made] == ["neg"] * 6 + ["pos"] * 6
    known = {row.texts[0].lower() for row in rows()}
    assert not known & {row.texts[0] for row in made}, "new ones only"
    own = [sum(w in (NICE if row.label == "pos" else BAD) for w in row.texts[0].split()) for row in made]
    other = [sum(w in (BAD if row.label == "pos" else NICE) for w in row.texts[0].split()) for row in made]
    assert sum(own) > 5 * sum(other)
    assert not any("[UNK]" in row.texts[0] for row in made)
    assert synthesis().expand(rows(), 0)[120:] == made


def test_a_vocabulary_too_small_for_a_class_is_said() -> None:
    with pytest.raises(UserError, match=r"augmentation\.max_words: no text of class"):
        synthesis(max_words=2).expand(rows(), 0)
