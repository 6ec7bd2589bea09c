"""interlace chat"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from interlace.cli.arguments import RunDirectory
from interlace.cli.console import tell_stale
from interlace.cli.writing import numbered_texts
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.apps.answers import Answerer
    from interlace.data.dialogue.messages import Message
    from interlace.models.generation import Piece
    from interlace.models.generation.conversation import Conversation


def chat(
    run_dir: RunDirectory,
    system: Annotated[
        str | None, typer.Option(help="The system message, before the first turn.", show_default=False)
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of a reply; default: as in the run.", show_default=False)
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0: greedy; else draw tokens, below 1 sharper.", show_default=False)
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw among the likeliest tokens of this mass.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of sampling.")] = 0,
) -> None:
    """Reply to each line of the standard input as the user's next turn, token by token.

    Keys and values of earlier turns are kept, so that a turn costs its own tokens.
    """
    from interlace.apps.opening import open_answerer
    from interlace.apps.text_answerer import TextAnswerer, asked_options
    from interlace.data.dialogue.messages import SYSTEM, USER, Message

    tell_stale(run_dir)
    answerer = open_answerer(run_dir)
    if answerer.description.kind != "converse":
        raise UserError(
            f"{run_dir}: its model has learned no replies; a text is continued by interlace generate, a question "
            "answered by interlace ask, and replies are learned by experiment=dialogue/taskmaster4 or data=dialogues"
        )
    options = asked_options(answerer, max_tokens=max_new_tokens, temperature=temperature, top_p=top_p)
    begun = [] if system is None else [Message(SYSTEM, _text("--system", system))]
    if isinstance(answerer, TextAnswerer):
        reply = _generated(answerer.run.conversation(options or answerer.options), begun, seed)
    else:
        reply = _chosen(answerer, begun)
    for number, line in numbered_texts(None, "One turn a line; Ctrl-D ends."):
        if line.strip():
            reply(Message(USER, _text(f"turn {number}", line.strip())))
            print(flush=True)


def _generated(conversation: "Conversation", begun: "list[Message]", seed: int) -> "Callable[[Message], None]":
    """A function that prints the reply to a turn token by token, with a cache that is kept."""
    conversation.add(begun)

    def reply(turn: "Message") -> None:
        conversation.add([turn])
        if conversation.options.num_beams > 1:
            print(conversation.reply(seed=seed), end="")
            return
        shown = False

        def show(piece: "Piece") -> None:
            nonlocal shown
            text = piece.text if shown else piece.text.lstrip()
            shown = shown or bool(text)
            print(text, end="", flush=True)

        conversation.reply(seed=seed, on_token=show)

    return reply


def _chosen(answerer: "Answerer", messages: "list[Message]") -> "Callable[[Message], None]":
    """A function that prints the reply to a turn of a model that generates no tokens."""
    from interlace.apps.answers import Question
    from interlace.data.dialogue.messages import ASSISTANT, Message

    def reply(turn: Message) -> None:
        (answer,) = answerer.answer([Question(messages=(*messages, turn))])
        if isinstance(answer, UserError):
            raise answer
        messages.extend([turn, Message(ASSISTANT, answer.text)])
        print(answer.text, end="")

    return reply


def _text(name: str, text: str) -> str:
    from interlace.data.encoding import check_text
    from interlace.data.problems import BadExample

    try:
        return check_text(name, text)
    except BadExample as bad:
        raise UserError(f"chat: {bad}") from None
