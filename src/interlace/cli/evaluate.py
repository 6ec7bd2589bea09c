"""interlace evaluate"""

from interlace.cli.arguments import Json, Overrides, RunDirectory


def evaluate(run_dir: RunDirectory, overrides: Overrides = None, json: Json = False) -> None:
    """Evaluate a trained run on its test data, or on data changed by overrides (data.snr_db=0)."""
    from interlace.evaluation import evaluate_run
    from interlace.runs import load_run

    metrics = evaluate_run(load_run(run_dir), list(overrides or []))
    if json:
        import json as encoder

        print(encoder.dumps(metrics, indent=2))
    else:
        for name, value in sorted(metrics.items()):
            print(f"{name:32} {value:.4f}")
