"""Arguments of Lightning's Trainer from a configuration."""

from collections.abc import Mapping
from typing import Any

from interlace.tasks import ranks, sharding


def trainer_options(config: Mapping[str, Any], loaders: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of `pl.Trainer`, without length, loggers, callbacks, plugins and folder.

    `loaders`: by split, with `limit_batches` (`trainer.limit_train_batches` and so on).
    """
    options = config["trainer"]
    limits = {f"limit_{name}_batches": loader.limit_batches or 1.0 for name, loader in loaders.items()}
    return {
        "accelerator": options["accelerator"],
        "devices": options["devices"],
        "num_nodes": options["num_nodes"],
        "strategy": sharding.strategy() if options["strategy"] == "fsdp" else options["strategy"],
        "sync_batchnorm": options["accelerator"] != "cpu" and ranks.world_size() > 1,
        "precision": options["precision"],
        "accumulate_grad_batches": options["accumulate_grad_batches"],
        "gradient_clip_val": options["gradient_clip_val"],
        "gradient_clip_algorithm": options["gradient_clip_algorithm"],
        **limits,
        "detect_anomaly": options["detect_anomaly"],
        "inference_mode": options["inference_mode"],
        "use_distributed_sampler": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
