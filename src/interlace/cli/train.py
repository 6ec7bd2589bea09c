"""interlace train"""

from interlace.cli.arguments import Overrides


def train(overrides: Overrides = None) -> None:
    """Train one run, or resume it, or find it finished; prints the run directory as its last line."""
    from interlace.configuration.compose import compose
    from interlace.tasks.ranks import leads
    from interlace.training import train as train_run

    given = list(overrides or [])
    run = train_run(compose(given), overrides=given)
    if not leads():
        return
    for name, value in sorted(run.metrics.items()):
        if name.startswith("test/"):
            print(f"{name:32} {value:.4f}")
    print(run.directory)
