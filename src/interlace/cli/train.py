"""interlace train"""

from interlace.cli.arguments import Overrides


def train(overrides: Overrides = None) -> None:
    """Train one run, or resume it, or find it finished; prints the run directory as its last line."""
    from interlace.configuration.importing import heavy_imports
    from interlace.tracking.wandb_trial import report_trial

    given = list(overrides or [])
    with report_trial() as trial:
        with heavy_imports():
            from interlace.configuration.compose import compose

            config = compose(given, look_for_files=True)  # before what takes seconds to import

            from interlace.tasks.ranks import leads
            from interlace.tracking.identity import run_directory
            from interlace.tracking.status import is_done
            from interlace.training import train as train_run
        earlier = is_done(run_directory(config))
        run = train_run(config, overrides=given)
        if earlier and leads():
            trial.repeat(run.config, run.directory)
    if not leads():
        return
    for name, value in sorted(run.metrics.items()):
        if name.startswith("test/"):
            print(f"{name:32} {value:.4f}")
    print(run.directory)
