"""The program `interlace` as pages run it: with the page's overrides for small runs at the end of a command, and a free
port for a server."""

import os

TAKES_OVERRIDES = {
    ("train",),
    ("bundle",),
    ("launch", "local"),
    *(("study", verb) for verb in ("plan", "run", "status", "report")),
    *(("sweep", verb) for verb in ("optuna", "status", "report")),
}
DESCRIBES = (("data", "example"), ("data", "describe"))
SERVES = (("serve",), ("judge", "serve"))


def with_small(words: list[str], small: list[str]) -> list[str]:
    """The words of a command, with `small` behind them where the verb trains runs or plans them, and a free port where
    it serves; what describes generated data gets those on data."""
    if any(tuple(words[: len(verb)]) == verb for verb in SERVES) and not {"--help", "--port"} & set(words):
        return [*words, "--port", "0"]
    if any(tuple(words[: len(verb)]) == verb for verb in DESCRIBES) and any("experiment=" in word for word in words):
        return [*words, *(override for override in small if override.startswith("data."))]
    if "--help" in words or not any(tuple(words[: len(verb)]) == verb for verb in TAKES_OVERRIDES):
        return words
    return [*words, *small]


def main(words: list[str]) -> int:
    """The exit code of the command line; PAGE_OVERRIDES are the overrides of the page."""
    from interlace.cli.application import run

    return run(with_small(words, os.environ.get("PAGE_OVERRIDES", "").split()))
