"""The verbs translate, chat, correct and summarize: lines as they come, words as they come, and what is refused."""

import io

import pytest

from interlace.apps.streams import arriving_words
from interlace.cli.application import run as command
from interlace.cli.correct import changes
from interlace.data.dialogue.messages import Message
from interlace.errors import UserError
from interlace.models.generation import GenerationOptions, generate
from tests.data.documents.files import bold, paragraph, word


@pytest.fixture
def say(monkeypatch, capsys):
    """A function that runs a command with this standard input; returns exit code, output and errors."""

    def said(arguments, given=b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
        code = command([str(each) for each in arguments])
        found = capsys.readouterr()
        return code, found.out, found.err

    return said


def test_lines_are_translated_one_by_one_and_blank_ones_stay(text_run, say):
    run = text_run("languages")
    expected = [run.predict([{"text": f">>fr<< {text}"}])[0]["text"] for text in ("the dog", "a cat")]
    code, out, _ = say(["translate", run.directory, "--to", "fr"], b"the dog\n\na cat")
    assert (code, out) == (0, f"{expected[0]}\n\n{expected[1]}\n")
    code, out, told = say(["translate", run.directory], b">>fr<< the dog\n>>it<< x\n")
    assert (code, out) == (2, f"{expected[0]}\n")
    assert "languages" not in told
    assert "writes de, fr; --to chooses, or a tag begins each line" in told
    assert "the standard input:2: '>>it<< x': it begins with the tag >>it<<, which was not trained" in told
    code, _, told = say(["translate", run.directory, "--to", "de"], b"fine\n\xff\xfe\n")
    assert code == 2
    assert "the standard input:2" in told


def test_a_model_of_one_language_is_told_apart(text_run, say):
    run = text_run("beams")
    assert say(["translate", run.directory, "--to", "de"], b"the dog\n")[0] == 0
    code, _, told = say(["translate", run.directory, "--to", "fr"], b"the dog\n")
    assert code == 2
    assert "writes one language, de; leave it out" in told


def test_words_behind_a_whole_sentence_are_those_of_greedy_search(text_run, say):
    run = text_run("wait_k")
    data, model = run.data_for_prediction(), run.model()
    [whole] = generate(
        model, data.encode_sources(["the dog sees"]), GenerationOptions(max_new_tokens=16),
        eos_id=data.tokenizer.eos_id, pad_id=data.tokenizer.pad_id, decode=data.tokenizer.decode,
    )  # fmt: skip
    text = " ".join(whole.text.split())
    code, out, told = say(["translate", run.directory, "--wait", "9"], b"the dog sees\n\nthe  dog sees")
    assert (code, out) == (0, f"{text}\n\n{text}\n")
    assert "9 words behind; the model was trained to write while it reads" in told
    assert say(["translate", run.directory], b"the dog sees\n")[1].split() == text.split()
    assert (
        "whole texts, which costs quality" in say(["translate", text_run("beams").directory, "--wait", "1"], b"a\n")[2]
    )


class Pieces(io.BytesIO):
    """A stream that gives its parts one by one; `before` is called before each."""

    def __init__(self, parts, before=lambda: None):
        super().__init__()
        self.left, self.before = [each for each in parts if each], before

    def read1(self, size=-1):
        self.before()
        return self.left.pop(0) if self.left else b""


def test_words_are_written_before_the_line_has_ended(text_run, monkeypatch, capsys):
    """What is printed when the next part of the standard input is asked for."""

    class Echo:
        def read(self, word):
            yield word.upper()

        def finish(self):
            yield "."

    printed = []
    parts = [b"the ", b"dog", b" sees\n", b"a cat"]
    stream = io.TextIOWrapper(Pieces(parts, lambda: printed.append(capsys.readouterr().out)))
    monkeypatch.setattr("sys.stdin", stream)
    monkeypatch.setattr("interlace.apps.streams.open_stream", lambda run, lag, tag: (Echo, f"{lag} behind"))
    assert command(["translate", str(text_run("wait_k").directory), "--wait", "2"]) == 0
    assert printed == ["", "THE", "", " DOG SEES .\n", "A"]
    assert capsys.readouterr().out == " CAT .\n"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([b"a b\n"], ["a", "b", None]),
        ([b"a", b"b ", b"", b" c\n\n"], ["ab", "c", None, None]),
        ([b"a\xc3", b"\xa4 b"], ["aä", "b", None]),
        ([b"a  \n", b"\n"], ["a", None, None]),
        ([], []),
    ],
)
def test_words_arrive_whatever_the_pieces_of_the_stream_are(parts, words):
    assert list(arriving_words(Pieces(parts))) == words


def test_a_stream_of_other_bytes_or_one_endless_word_is_refused(monkeypatch):
    with pytest.raises(UserError, match="no UTF-8"):
        list(arriving_words(io.BytesIO(b"a \xff\xff")))
    monkeypatch.setenv("INTERLACE_LIMITS", "line_bytes=100")
    with pytest.raises(UserError, match="line_bytes"):
        list(arriving_words(io.BytesIO(b"a" * 1000)))


def test_a_line_is_corrected_and_its_changes_are_shown(text_run, say, tmp_path):
    run = text_run("correction")
    file = tmp_path / "typed.txt"
    file.write_text("the dog sees\n\na rde cat\n")
    expected = [run.predict([{"text": text}])[0]["text"] for text in ("the dog sees", "a rde cat")]
    code, out, _ = say(["correct", run.directory, file])
    assert (code, out) == (0, f"{expected[0]}\n\n{expected[1]}\n")
    assert say(["correct", run.directory], file.read_bytes())[1] == out
    shown = say(["correct", run.directory, file, "--diff"])[1].splitlines()
    assert shown == [changes("the dog sees", expected[0]), "", changes("a rde cat", expected[1])]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("a b", "a b", "a b"),
        ("the littel dog.", "the little dog!", "the [-littel-]{+little+} dog[-.-]{+!+}"),
        ("a b", "b", "[-a -]b"),
        ("b", "a b", "{+a +}b"),
        ("", "x", "{+x+}"),
    ],
)
def test_changes_are_marked_as_wdiff_does(before, after, told):
    assert changes(before, after) == told


def test_summaries_are_as_long_as_asked(text_run, say, tmp_path):
    run = text_run("summaries")
    file = tmp_path / "notes.txt"
    file.write_text("Bob leaves. Ann stays. Carl sleeps.")
    assert say(["summarize", run.directory, file])[1] == "Bob leaves.\n"
    assert say(["summarize", run.directory, file, "--sentences", "2"])[1] == "Bob leaves. Ann stays.\n"
    assert say(["summarize", run.directory], file.read_bytes())[1] == "Bob leaves.\n"
    letter = tmp_path / "notes.docx"
    letter.write_bytes(word(paragraph("Ann ", bold("stays"), ". Bob leaves.")))
    assert say(["summarize", run.directory, letter])[1] == "Ann stays.\n"
    assert say(["summarize", run.directory, tmp_path / "none.txt"])[0] == 2
    code, _, told = say(["summarize", run.directory, file, "--max-new-tokens", "2"])
    assert code == 2
    assert "takes its words from the text; --sentences limits them" in told


def test_a_text_beyond_the_limit_of_a_model_is_told(text_run, say):
    run = text_run("beams")
    limit = run.config["data"]["max_source_tokens"]
    code, out, told = say(["summarize", run.directory], b"dog " * limit)
    assert code == 2  # of translation
    assert "its task is translation: interlace translate RUN_DIR" in told
    code, out, told = say(["translate", run.directory], b"dog " * limit)
    assert (code, len(out.splitlines())) == (0, 1)
    assert f"{4 * limit + 1} tokens, of which the model reads the first {limit}" in told


def test_turns_of_a_chat_are_those_of_a_conversation(text_run, say):
    run = text_run("dialogue")
    talk = run.conversation(GenerationOptions(max_new_tokens=12))
    expected = []
    for message in (Message("system", "Be kind."), Message("user", "a tea"), Message("user", "a mocha")):
        talk.add([message])
        if message.role == "user":
            expected.append(talk.reply())
    code, out, _ = say(["chat", run.directory, "--system", "Be kind."], b"a tea\n\na mocha\n")
    assert (code, [line.strip() for line in out.splitlines()]) == (0, expected)
    short = say(["chat", run.directory, "--max-new-tokens", "3"], b"a tea\n")[1]
    assert len(short.strip()) <= 3
    drawn = {say(["chat", run.directory, "--temperature", "1.5", "--seed", seed], b"a tea\n")[1] for seed in range(3)}
    assert len(drawn) > 1


@pytest.mark.parametrize(
    ("verb", "name", "told"),
    [
        ("correct", "languages", "its task is translation: interlace translate RUN_DIR"),
        ("translate", "correction", "its task is correction: interlace correct RUN_DIR"),
        ("translate", "summaries", "its task is summarization: interlace summarize RUN_DIR"),
        ("translate", "dialogue", "it replies in conversations: interlace chat RUN_DIR"),
        ("summarize", "gpt", "it continues texts: interlace generate RUN_DIR --prompt TEXT"),
        ("chat", "gpt", "its model has learned no replies; a text is continued by interlace generate"),
        ("translate --wait 2", "correction", "its task is correction"),
    ],
)
def test_a_run_of_another_kind_is_told_its_verb(verb, name, told, text_run, say):
    first, *more = verb.split()
    code, out, error = say([first, text_run(name).directory, *more], b"a\n")
    assert (code, out) == (2, "")
    assert told in error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--output", "x.txt"], "--output x.txt: it belongs to a document"),
        (["FILE.json"], "expected a document, .txt, .md, .docx, .pdf; for the lines of a file: <"),
        (["FILE.txt", "--wait", "2"], "--wait: it belongs to words that come one by one"),
        (["FILE.docx"], "its translation is a Word document; add --output NAME.docx"),
        (["FILE.txt", "--wait", "0"], "Invalid value for '--wait': Input should be greater than or equal to 1"),
        (["none.txt"], "none.txt"),
    ],
)
def test_options_that_do_not_fit_are_told_before_anything_is_loaded(arguments, told, tmp_path, say, monkeypatch):
    monkeypatch.setattr("interlace.cli.translate.open_writer", None)
    (tmp_path / "config.yaml").write_text("")
    given = []
    for each in arguments:
        if each.startswith("FILE"):
            (tmp_path / each).write_text("a")
            each = str(tmp_path / each)
        given.append(each)
    code, _, error = say(["translate", tmp_path, *given])
    assert code == 2
    assert told in error
