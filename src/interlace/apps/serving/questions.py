"""Chat completions as questions: the JSON of OpenAI's interface, checked part by part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from interlace.apps.answers import Answerer, Media, MediaKind, Question
from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.media import from_base64, from_data_uri, too_much
from interlace.apps.serving.refusals import Refusal, invalid
from interlace.apps.text_answerer import asked_options
from interlace.data.dialogue.messages import ROLES, Message
from interlace.errors import UserError
from interlace.models.generation import GenerationOptions

SAME_ROLES = {"developer": "system"}
URI_PARTS: dict[str, MediaKind] = {"image_url": "image", "video_url": "video"}
MOST_STOPS = 4  # as in OpenAI's interface
MOST_NUMBER = 100
NOT_HERE = ("tools", "functions", "logprobs", "response_format", "audio")  # of other servers; a client relies on them


@dataclass(frozen=True)
class Asked:
    """A request for a chat completion."""

    question: Question
    stream: bool
    explain: bool


def read_chat(body: Mapping[str, Any], answerer: Answerer, limits: ServingLimits) -> Asked:
    """Return what a request asks a model. Raises Refusal for a value that is wrong, too large or without effect.

    A run of conversations gets all messages; any other the last message of the user, its text and media.
    """
    for name in NOT_HERE:
        if body.get(name) not in (None, False, []) and body.get(name) != {"type": "text"}:
            raise Refusal(400, f"{name}: this server has no such thing; leave it out", "unsupported")
    if body.get("n", 1) not in (1, None):
        raise Refusal(400, "n: this server gives one answer to a request; ask again for another", "unsupported")
    messages = _messages(body.get("messages"), limits)
    last = next((number for number in reversed(range(len(messages))) if messages[number]["role"] == "user"), None)
    if last is None:
        raise invalid("messages", "expected one of the role user")
    extension = _object("interlace", body.get("interlace"))
    texts = _texts(extension.get("texts"))
    contents = [_content(number, message.get("content"), limits) for number, message in enumerate(messages)]
    if (characters := sum(len(text) for text, _ in contents) + sum(map(len, texts.values()))) > limits.characters:
        raise too_much("messages", f"they have {characters} characters", str(limits.characters), "characters")
    text, media = contents[last]
    conversation = []
    if answerer.description.kind == "converse":
        conversation = [Message(message["role"], told) for message, (told, _) in zip(messages, contents, strict=True)]
    tag = extension.get("tag")
    if tag is not None:
        check_text("interlace.tag", tag)
    seed = _integer(body, "seed")
    options = _options(body, answerer, limits)
    question = Question(text or None, texts, media, tuple(conversation), tag, options, seed)
    return Asked(question, _switch(body, "stream"), _switch(extension, "explain", "interlace."))


def _messages(given: Any, limits: ServingLimits) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not given:
        raise invalid("messages", 'expected a list of {"role": ..., "content": ...}')
    if len(given) > limits.messages:
        raise too_much("messages", f"there are {len(given)}", str(limits.messages), "messages")
    found = []
    for number, message in enumerate(given):
        role = message.get("role") if isinstance(message, dict) else None
        role = SAME_ROLES.get(role, role) if isinstance(role, str) else None
        if role not in ROLES:
            raise invalid(f"messages[{number}].role", f"expected one of {', '.join(ROLES)}")
        found.append({**message, "role": role})
    return found


def _content(number: int, content: Any, limits: ServingLimits) -> tuple[str, tuple[Media, ...]]:
    """Return the text and the media of a message."""
    where = f"messages[{number}].content"
    if content is None:
        return "", ()
    if not isinstance(content, list):
        return check_text(where, content), ()
    if not content:
        raise invalid(where, "expected a text or a list of parts")
    if len(content) > limits.parts:
        raise too_much(where, f"it has {len(content)} parts", str(limits.parts), "parts")
    parts = list(_parts(where, content, limits))
    texts = [part for part in parts if isinstance(part, str)]
    return "\n".join(texts), tuple(part for part in parts if isinstance(part, Media))


def _parts(where: str, content: Sequence[Any], limits: ServingLimits) -> Iterator[str | Media]:
    for number, part in enumerate(content):
        place = f"{where}[{number}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            yield check_text(f"{place}.text", part.get("text"))
        elif kind in URI_PARTS:
            value = _object(f"{place}.{kind}", part.get(kind))
            yield from_data_uri(f"{place}.{kind}.url", value.get("url"), URI_PARTS[kind], limits)
        elif kind == "input_audio":
            value = _object(f"{place}.input_audio", part.get("input_audio"))
            stated = value.get("format")
            if not isinstance(stated, str):
                raise invalid(f"{place}.input_audio.format", "expected wav, mp3, flac or ogg")
            yield from_base64(f"{place}.input_audio.data", value.get("data"), "audio", stated.lower(), limits)
        else:
            raise invalid(f"{place}.type", f"expected text, {', '.join(URI_PARTS)} or input_audio")


def _texts(given: Any) -> dict[str, str]:
    found = _object("interlace.texts", given)
    for name, text in found.items():
        check_text("interlace.texts", name)
        check_text(f"interlace.texts.{name[:80]}", text)
    return cast(dict[str, str], found)


def _options(body: Mapping[str, Any], answerer: Answerer, limits: ServingLimits) -> GenerationOptions | None:
    """Return the options of generation that a request changes; None: those of the run."""
    stop = body.get("stop") or []
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or len(stops) > MOST_STOPS:
        raise invalid("stop", f"expected a text, or a list of at most {MOST_STOPS}")
    longest = _integer(body, "max_tokens" if body.get("max_completion_tokens") is None else "max_completion_tokens")
    if longest is not None and longest > limits.new_tokens:
        raise too_much("max_tokens", str(longest), str(limits.new_tokens), "new_tokens")
    try:
        return asked_options(
            answerer, max_tokens=longest, temperature=_number(body, "temperature"), top_p=_number(body, "top_p"),
            stop=[check_text("stop", each) for each in stops],
        )  # fmt: skip
    except UserError as error:
        raise Refusal(400, str(error), "invalid_value") from None


def check_text(where: str, value: Any) -> str:
    """Return a text. Raises Refusal for anything else, and for half of a surrogate pair, which no encoding has."""
    if not isinstance(value, str):
        raise invalid(where, "expected a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(where, "half of a surrogate pair; send both halves, or the character itself") from None
    return value


def _number(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_NUMBER:
        raise invalid(name, f"expected a number from 0 to {MOST_NUMBER}")
    return float(value)


def _object(where: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(where, "expected an object")
    return value


def _switch(values: Mapping[str, Any], name: str, before: str = "") -> bool:
    value = values.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{before}{name}", "expected true or false")
    return bool(value)


def _integer(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise invalid(name, "expected a whole number from 0 on")
    return value
