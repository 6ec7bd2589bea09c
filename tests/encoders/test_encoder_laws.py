"""The laws of every encoder, over every file of conf/encoder."""

from typing import Any

import pytest

from interlace.configuration.checking import check_node
from interlace.configuration.compose import compose_node
from interlace.configuration.construction import constructor
from interlace.configuration.names import choices
from interlace.configuration.schema import INJECTED
from interlace.laws.checking import Law
from interlace.laws.encoder import LAWS, EncoderCase
from interlace.laws.subjects import small_language_model
from interlace.tokens import ModalitySpec

# Encoders of another run have a parent; each kind has such a file.
ENCODERS = [name for name in choices("encoder") if not name.endswith("/trained")]


def case_of(name: str) -> EncoderCase:
    """The encoder as configured, except that a picture model of any size is given small pictures."""
    node = compose_node("encoder", name)
    kind = name.split("/")[0]
    for part in (node, node.get("image", {})):
        if "size" in part:
            part["size"] = 64
    check_node(f"encoder.{kind}", node, INJECTED["encoder"])
    injected = {"language_model": small_language_model()} if name == "text/language_model" else {}

    def make(spec: ModalitySpec) -> Any:
        return constructor(node)(spec=spec, **injected)

    return EncoderCase(make, kind)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_keeps_every_law(name: str, law: Law[EncoderCase]) -> None:
    law.check(case_of(name))
