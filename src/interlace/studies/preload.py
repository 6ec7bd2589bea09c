"""The imports that nearly every run needs, done once in the fork server; a run then starts in hundredths of a second.

Nothing here may run a parallel region or touch a GPU: the server forks. What is loaded here is what every run of the
study runs, whatever happens to the files meanwhile: all modules that compute figures, though configurations name them,
and the hashes and the patch that runs carry.
"""

import importlib
import pkgutil

from interlace.configuration.importing import heavy_imports

LIBRARIES = (
    "matplotlib", "pyarrow.parquet", "pytorch_lightning", "soundfile", "tensorboard", "tokenizers", "torch",
    "torchaudio", "torchmetrics", "wandb",
)  # fmt: skip

with heavy_imports():  # workers collect garbage between runs: they need not look through all of this each time
    for name in LIBRARIES:
        importlib.import_module(name)
    import interlace.studies.driver
    import interlace.training
    from interlace.tracking.identity import CODE_OF_A_RUN, code_hash, conf_hash
    from interlace.tracking.source_tree import own_tree

    HASHES = (code_hash(), conf_hash(), own_tree())
    for module in pkgutil.walk_packages(interlace.__path__, "interlace."):
        room = module.name.split(".")[1]
        if room == "tracking" or {room, f"{room}.py"} & CODE_OF_A_RUN:
            importlib.import_module(module.name)
