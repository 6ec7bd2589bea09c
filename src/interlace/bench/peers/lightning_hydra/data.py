"""Data of the study's runs as a LightningDataModule with plain PyTorch loaders."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

from interlace.configuration.compose import compose_node
from interlace.data.interactions.datamodule import Interactions


class InteractionsDataModule(pl.LightningDataModule):
    """Two vectors and the label that they determine: the same rows as `data=interactions`."""

    def __init__(self, num_train: int, num_val: int, num_test: int, batch_size: int, num_workers: int) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.num_workers = num_workers
        self.splits: dict[str, TensorDataset] = {}

    def setup(self, stage: str | None = None) -> None:
        """Generate all splits, once."""
        if self.splits:
            return
        sizes = {name: self.hparams[name] for name in ("num_train", "num_val", "num_test", "batch_size")}
        node = {key: value for key, value in compose_node("data", "interactions").items() if key != "_target_"}
        data = Interactions(**{**node, **sizes})
        data.prepare()
        for name, split in data.splits.items():
            inputs = [torch.from_numpy(array.x) for array in split.arrays.values()]
            self.splits[name] = TensorDataset(*inputs, torch.from_numpy(split.labels))

    def _loader(self, name: str, *, shuffle: bool) -> DataLoader[Any]:
        return DataLoader(
            self.splits[name],
            batch_size=self.hparams["batch_size"],
            num_workers=self.num_workers,
            shuffle=shuffle,
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the shuffled training loader."""
        return self._loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation loader, in order."""
        return self._loader("val", shuffle=False)

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the test loader, in order."""
        return self._loader("test", shuffle=False)
