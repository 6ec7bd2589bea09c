"""interlace evaluate"""

import os
import sys

from interlace.cli.arguments import Json, Overrides, RunDirectory
from interlace.cli.console import tell_stale


def evaluate(run_dir: RunDirectory, overrides: Overrides = None, json: Json = False) -> None:
    """Evaluate a trained run on its test data, or on data changed by overrides (data.snr_db=0)."""
    from interlace.evaluation import evaluate_run
    from interlace.runs import load_run

    run = load_run(run_dir)
    if not overrides:
        tell_stale(run_dir, os.getcwd())
    metrics = evaluate_run(run, list(overrides or []), tell)
    if json:
        import json as encoder

        print(encoder.dumps(metrics, indent=2))
    else:
        for name, value in sorted(metrics.items()):
            print(f"{name:32} {value:.4f}")


def tell(sentence: str) -> None:
    """Prints a remark on the metrics on standard error."""
    print(f"interlace: {sentence}", file=sys.stderr, flush=True)
