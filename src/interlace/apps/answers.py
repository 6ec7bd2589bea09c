"""Questions to a trained model, its answers, and a description of what it can be asked, in plain types."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from interlace.data.dialogue.messages import Message
from interlace.errors import UserError
from interlace.models.generation import GenerationOptions

MediaKind = Literal["image", "audio", "video"]
# What an answerer does: choose (a class, a number, a span), write a text for a text (translation, summary, correction,
# an answer) or for modalities (a caption), reply to a conversation, go on from a text, or find passages.
Kind = Literal["classify", "rewrite", "describe", "converse", "continue", "find"]


@dataclass(frozen=True)
class Media:
    """A picture, sound or video as the bytes of a file. `suffix` (".png") is of the content, never of a given name."""

    kind: MediaKind
    data: bytes = field(repr=False)
    suffix: str


@dataclass(frozen=True)
class Question:
    """A question to an answerer; what is not given is missing.

    `text` goes to the answerer's one text modality, prompt, source or query. `texts`: by modality, where a run has
    several. `media`: in the order of the modalities of their kind. `messages`: the conversation so far.
    `tag`: the target language (">>de<<"). `options`, `seed`: of generation; None: those of the run.
    """

    text: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    media: tuple[Media, ...] = ()
    messages: tuple[Message, ...] = ()
    tag: str | None = None
    options: GenerationOptions | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Source:
    """Evidence of an answer: a passage with the characters of the answer in it, or a path through a graph."""

    kind: Literal["passage", "path"]
    id: str
    title: str
    text: str
    start: int | None = None
    end: int | None = None
    score: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)  # a path's query and its steps


@dataclass(frozen=True)
class Highlight:
    """Weights of the tokens of a modality, in order.

    `shape`: (rows, columns) of a picture's patches, (parts,) of a sound, (frames,) of a video, (words,) of a text.
    `labels`: the words. `kind`: that of the modality.
    """

    kind: str
    shape: tuple[int, ...]
    weights: tuple[float, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """An answer: its text, and what is known of it; None and empty where the answerer has no such thing.

    `known`: False where the answerer does not know; `text` then says so. `confidence`: probability that the answer is
    right where it is calibrated, else the model's own probability of it (of a generated text the geometric mean over
    its tokens). `answer_set`: the answers that hold the right one with probability `coverage` (conformal).
    `contributions`: each modality's Shapley value for the probability of the answer. `details`: what the task's own
    prediction holds beside these, plain JSON.
    """

    text: str
    known: bool = True
    confidence: float | None = None
    probabilities: Mapping[str, float] | None = None
    answer_set: tuple[str, ...] | None = None
    coverage: float | None = None
    sources: tuple[Source, ...] = ()
    contributions: Mapping[str, float] | None = None
    highlights: Mapping[str, Highlight] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The answer in types of JSON, without what is None or empty."""
        return {name: value for name, value in asdict(self).items() if value not in (None, (), {}, [])}


@dataclass(frozen=True)
class Description:
    """Questions that an answerer takes.

    `name`: unique among those that are open together. `modalities`: name -> kind of `interlace.tokens`. `classes`: the
    answers that it chooses from. `tags`: target languages. `explains`: it can tell contributions and highlights.
    """

    name: str
    kind: Kind
    task: str
    modalities: Mapping[str, str]
    classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    explains: bool = False
    streams: bool = False

    def plain(self) -> dict[str, Any]:
        """The description in types of JSON."""
        return asdict(self)


class Answerer(Protocol):
    """A trained run, or an index, that answers questions. One thread at a time may use it."""

    description: Description

    def answer(self, questions: Sequence[Question], *, explain: bool = False) -> list[Answer | UserError]:
        """Answer questions in one batch, in order; an error in the place of a question that cannot be answered.

        An answer is the same whatever else is in the batch. `explain`: also contributions and highlights, which costs
        several passes.
        """
        ...

    def stream(self, question: Question) -> Iterator[str]:
        """Answer one question piece by piece; joined, the pieces are the text of `answer`. Raises UserError."""
        ...
