"""Sentences for options of Hydra's own command line and for verbs under their former names."""

import shlex
from collections.abc import Sequence

# Options of hydra.main, each with the command that does the same here.
SHOW = "the configuration is shown by: {show}"
HYDRA_OPTIONS = {
    "--cfg": SHOW,
    "-c": SHOW,
    "--info": f"{SHOW}; groups and their choices by: interlace list",
    "-i": f"{SHOW}; groups and their choices by: interlace list",
    "--resolve": f"interpolations are always resolved; {SHOW}",
    "--package": SHOW,
    "-p": SHOW,
    "--hydra-help": "Hydra's own options have no effect here; overrides are written as in Hydra, groups are shown by: "
    "interlace list",
    "--run": "leave it out: train makes one run, or with -m several",
    "-r": "leave it out: train makes one run, or with -m several",
    "--multirun": "several values of a key belong to train: interlace train -m KEY=A,B; or to a study's factors",
    "-m": "several values of a key belong to train: interlace train -m KEY=A,B; or to a study's factors",
    "--config-name": "presets are chosen by override: experiment=NAME (interlace list experiments)",
    "-cn": "presets are chosen by override: experiment=NAME (interlace list experiments)",
    "--config-path": "presets are chosen by override: experiment=NAME (interlace list experiments)",
    "-cp": "presets are chosen by override: experiment=NAME (interlace list experiments)",
    "--config-dir": "presets are chosen by override: experiment=NAME (interlace list experiments)",
    "-cd": "presets are chosen by override: experiment=NAME (interlace list experiments)",
    "--experimental-rerun": "a finished run is made again by: interlace reproduce RUN_DIR",
}
# (group of verbs, former verb) -> present name.
RENAMED = {
    ("interlace pretrained", "import"): "interlace pretrained check",
    ("interlace pretrained", "export"): "interlace export --format huggingface",
}
# (verb, former option) -> the command that does the same.
MOVED_OPTIONS = {
    ("interlace generate", "--chat"): "interlace chat RUN_DIR",
    ("interlace generate", "--system"): "interlace chat RUN_DIR --system TEXT",
    ("interlace generate", "--messages"): "interlace predict RUN_DIR --input FILE --output REPLIES",
    ("interlace predict", "--tag"): "interlace translate RUN_DIR DOCUMENT --to LANGUAGE --output FILE",
}


def hydra_sentence(option: str, arguments: Sequence[str]) -> str | None:
    """The sentence for an option of Hydra's own command line; None for any other option.

    For -cn the parser reports -c alone; the whole option is the first argument that begins with it.
    """
    whole = next((name for each in arguments if (name := each.partition("=")[0]).startswith(option or " ")), option)
    text = HYDRA_OPTIONS.get(whole)
    if text is None:
        return None
    overrides = [each for each in arguments if "=" in each and not each.startswith("-")]
    return f"{whole} is an option of Hydra's own; " + text.format(show=show_command(overrides))


def moved_sentence(verb: str, option: str) -> str | None:
    """The sentence for an option whose work another command does now; None for any other."""
    new = MOVED_OPTIONS.get((verb, option))
    return None if new is None else f"{verb}: {option} is now: {new}"


def show_command(overrides: Sequence[str]) -> str:
    """The command that prints the configuration with these overrides."""
    from interlace.configuration.plugins import command_line

    return command_line(["config", "show", *overrides])


def renamed_sentence(group: str, arguments: Sequence[str]) -> str | None:
    """The sentence for a verb that was renamed; None for any other."""
    verb = arguments[0] if arguments else ""
    new = RENAMED.get((group, verb))
    return None if new is None else f"{group} {verb}: its name is now: {shlex.join([*new.split(), *arguments[1:]])}"
