"""Reading and checking of a user's overrides, and their conversion to the form that Hydra accepts."""

from collections.abc import Collection, Sequence

from hydra.core.override_parser.types import Override

from interlace.configuration.names import choices, groups
from interlace.configuration.renamed import check_renamed
from interlace.configuration.schema import HARDWARE, LISTED
from interlace.configuration.spelling import parse_override
from interlace.configuration.suggestions import did_you_mean
from interlace.configuration.trainer_flags import check_flags
from interlace.errors import UserError


def read_overrides(texts: Sequence[str]) -> list[Override]:
    """Parse the overrides of one run. Raises UserError for unknown choices, several values and Hydra's own options."""
    known = groups()
    return [_checked(parse_override(text), known) for each in texts for text in _expanded(each)]


def is_hardware(text: str) -> bool:
    """Return whether an override chooses hardware, precision or logger, which are not part of a study."""
    key = text.lstrip("+~").partition("=")[0]
    section, _, option = key.partition(".")
    return section == "logger" or key == "trainer" or (section == "trainer" and option in {*HARDWARE, "precision"})


def _expanded(text: str) -> list[str]:
    """Return `seed=3` as both seeds, and `encoders.NAME...` as an addition, since NAME comes from the data."""
    name, equals, value = text.partition("=")
    if name == "seed" and equals:
        return [f"seed.model={value}", f"seed.data={value}"]
    return [f"++{text}" if name.startswith("encoders.") else text]


def _checked(override: Override, known: Collection[str]) -> Override:
    name, text = override.key_or_group, override.input_line or ""
    check_flags([name])
    check_renamed([text.lstrip("+~")])
    if name.partition("/")[0].partition(".")[0] == "hydra":
        raise UserError(
            f"{text}: options of Hydra itself have no effect, as a run's folder follows from its configuration; "
            "INTERLACE_OUTPUTS=DIR says where runs are written"
        )
    if name.partition(".")[0] == "choices":
        raise UserError(f"{text}: it is filled in from the groups that are chosen; choose with GROUP=NAME")
    if override.is_sweep_override():
        raise UserError(
            f"{text!r} names several values; one run takes one (give several to train -m, or as a study's factors; "
            "text with a comma is written in quotes)"
        )
    if name in known:
        return _choice(override, known)
    kinds = sorted(group for group in known if group.startswith(f"{name.replace('.', '/')}/"))
    as_group = name.replace(".", "/")
    if kinds and name != "experiment":
        raise UserError(
            f"{text}: it is chosen for each kind of modality: {', '.join(f'{each}=NAME' for each in kinds)}"
        )
    if as_group in known and not isinstance(override.value(), dict):
        raise UserError(f"{text}: a component is chosen by its group, with a slash: {as_group}=NAME")
    return override


def _choice(override: Override, known: Collection[str]) -> Override:
    """Check an override of a group; `GROUP=null`, as written in conf/train.yaml, becomes Hydra's `~GROUP`."""
    name, value = override.key_or_group, override.value()
    if name in LISTED and (override.is_delete() or value is None):
        return parse_override(f"{name}=[]")
    if override.is_delete() or isinstance(value, dict):
        return override
    if value is None:
        return parse_override(f"~{name}" if override.package is None else f"~{name}@{override.package}")
    for each in value if isinstance(value, list) and name in LISTED else [value]:
        if not isinstance(each, str) or each not in choices(name):
            raise UserError(f"{name}={each}: no such choice; {did_you_mean(str(each), choices(name))}")
    return override
