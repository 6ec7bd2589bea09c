"""Limits of a server: sizes, numbers and seconds of what it takes, holds and answers."""

from dataclasses import dataclass

from interlace.reading.limits import parse_limits

WHERE = "--limits"


@dataclass(frozen=True)
class ServingLimits:
    """Limits of one server; `--limits NAME=NUMBER,...` changes them. Names in `_bytes` take 32M and the like."""

    # Connections and requests
    connections: int = 256  # open at one time
    header_seconds: int = 10  # for the headers of a request, from its first byte or the end of the last response
    body_seconds: int = 30  # for the whole body
    send_seconds: int = 30  # in which a client takes what is sent to it
    body_bytes: int = 32 * 2**20  # of one request
    all_bodies_bytes: int = 256 * 2**20  # of the requests that are held at one time
    # Questions
    messages: int = 200
    parts: int = 16  # pictures, sounds, videos and texts of one message
    characters: int = 100_000  # of all texts of one request
    pixels: int = 16 * 2**20  # of a picture, or of a video's frame
    sound_seconds: int = 120
    frames: int = 3_600  # of a video
    new_tokens: int = 1_024  # of an answer
    # Answers
    batch: int = 16  # questions that a model answers together
    waiting: int = 64  # requests in the queue of a model
    wait_seconds: int = 30  # in the queue
    answer_seconds: int = 120  # of a model's work on one batch, or between two pieces of a stream
    document_seconds: int = 600  # of the translation of one document
    ratings_bytes: int = 256 * 2**20  # of the file of ratings
    stop_seconds: int = 30  # for the requests that run when the server stops


def read_limits(text: str) -> ServingLimits:
    """Return the limits that "batch=8,body_bytes=8M" changes. Raises UserError for unknown names and values."""
    return parse_limits(text, ServingLimits(), WHERE)
