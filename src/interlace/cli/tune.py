"""interlace tune"""

import dataclasses
from typing import Annotated

import typer

from interlace.cli.arguments import Json, Overrides

app = typer.Typer(
    help="Find a learning rate or a batch size by training briefly; nothing is written.", no_args_is_help=True
)


@app.command("learning-rate")
def learning_rate(
    overrides: Overrides = None,
    lowest: Annotated[float, typer.Option(help="The first learning rate.")] = 1e-6,
    highest: Annotated[float, typer.Option(help="The last learning rate.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Optimizer steps, 20 or more.")] = 100,
    json: Json = False,
) -> None:
    """Train with a growing learning rate, print the losses and suggest a value of optimizer.learning_rate."""
    from interlace.configuration.compose import compose

    config = compose(list(overrides or []), look_for_files=True)
    from interlace.tuning import tune_learning_rate

    result = tune_learning_rate(config, lowest=lowest, highest=highest, num_steps=steps)
    if json:
        _print_json(result)
        return
    for step in range(0, len(result.rates), max(1, len(result.rates) // 20)):
        print(f"{result.rates[step]:10.2e}  loss {result.losses[step]:.4f}")
    print(
        f"valley: optimizer.learning_rate={result.valley:.2g}   "
        f"(steepest fall at {result.steepest:.2g}, least loss at {result.minimum:.2g})"
    )


@app.command("batch-size")
def batch_size(
    overrides: Overrides = None,
    start: Annotated[int, typer.Option(min=1, help="The first batch size.")] = 8,
    limit: Annotated[int, typer.Option(min=1, help="The largest batch size to try.")] = 4096,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps timed with each size.")] = 5,
    json: Json = False,
) -> None:
    """Double the batch size until memory is full; print the fastest size and the largest that fits."""
    from interlace.configuration.compose import compose

    config = compose(list(overrides or []), look_for_files=True)
    from interlace.tuning import tune_batch_size

    result = tune_batch_size(config, start=start, limit=limit, num_steps=steps)
    if json:
        _print_json(result)
        return
    for trial in result.trials:
        if trial.examples_per_second is None:
            print(f"{trial.batch_size:8d}  does not fit")
        else:
            print(f"{trial.batch_size:8d}  {trial.examples_per_second:10.1f} examples/s  {trial.step_ms:9.1f} ms  "
                  f"{trial.peak_memory_mb:9.0f} MB")  # fmt: skip
    print(f"fastest: data.batch_size={result.fastest}   (largest that fits: {result.largest})")


def _print_json(result: object) -> None:
    import json as encoder

    print(encoder.dumps(dataclasses.asdict(result), indent=2))  # type: ignore[call-overload]
