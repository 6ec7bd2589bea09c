"""Entry point in the order of lightning-hydra-template's `src/train.py`: instantiate, fit, test the best weights.

`python -m interlace.bench.peers.lightning_hydra.train -m seed=0,1 model.fusion=concat,gated` runs sequentially in this
process, as Hydra's basic launcher does. The script is written for current versions: with PyTorch 2.6 and later the
template's `trainer.test` rejects its pickled checkpoints, which `weights_only=False` fixes. The template's printed
configuration tree and model summary are left out.
"""

import logging

import hydra
import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig

log = logging.getLogger(__name__)


def train(config: DictConfig) -> dict[str, float]:
    """Run one training and return its last metrics."""
    pl.seed_everything(config.seed, workers=True)
    log.info("Instantiating datamodule <%s>", config.data._target_)
    datamodule: pl.LightningDataModule = instantiate(config.data)
    log.info("Instantiating model <%s>", config.model._target_)
    model: pl.LightningModule = instantiate(config.model)
    callbacks = [instantiate(node) for node in config.callbacks.values()]
    loggers = [instantiate(node) for node in config.logger.values()]
    log.info("Instantiating trainer <%s>", config.trainer._target_)
    trainer: pl.Trainer = instantiate(config.trainer, callbacks=callbacks, logger=loggers)
    for logger in loggers:
        logger.log_hyperparams({"fusion": config.model.fusion, "seed": config.seed})
    trainer.fit(model=model, datamodule=datamodule)
    metrics = dict(trainer.callback_metrics)
    assert trainer.checkpoint_callback is not None
    best = trainer.checkpoint_callback.best_model_path  # type: ignore[attr-defined]
    trainer.test(model=model, datamodule=datamodule, ckpt_path=best, weights_only=False)
    log.info("Best ckpt path: %s", best)
    return {name: float(value) for name, value in {**metrics, **trainer.callback_metrics}.items()}


@hydra.main(version_base="1.3", config_path="configs", config_name="train")
def main(config: DictConfig) -> float:
    """Return the metric for Hydra's sweepers."""
    return train(config)["val/acc"]


if __name__ == "__main__":
    main()
