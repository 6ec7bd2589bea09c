"""The heavy imports of a run, done once in the fork server; every run then starts in a few hundredths of a second.

Nothing here may run a parallel region or touch a GPU: the server forks.
"""

import matplotlib
import pyarrow.parquet
import pytorch_lightning
import soundfile
import tensorboard
import timm
import tokenizers
import torch
import torchaudio
import torchmetrics
import wandb

import interlace.encoders
import interlace.fusion
import interlace.studies.driver
import interlace.training
from interlace.tracking.identity import code_hash, conf_hash

# What is loaded here is what every run of the study runs, whatever happens to the files meanwhile; so are its hashes.
HASHES = (code_hash(), conf_hash())
LOADED = (
    interlace, matplotlib, pyarrow, pytorch_lightning, soundfile, tensorboard, timm, tokenizers, torch, torchaudio,
    torchmetrics, wandb,
)  # fmt: skip
