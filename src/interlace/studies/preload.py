"""The imports that nearly every run needs, done once in the fork server; a run then starts in hundredths of a second.

Nothing here may start threads of a parallel region or use a GPU, as the server forks. All modules that affect results,
the hashes of code and conf, and the patch of the source tree are loaded here: every run of the study uses this version,
also if source files change while it runs.
"""

import importlib
import pkgutil

from interlace.configuration.importing import heavy_imports

LIBRARIES = (
    "matplotlib", "pyarrow.parquet", "pytorch_lightning", "soundfile", "tensorboard", "tokenizers", "torch",
    "torchaudio", "torchmetrics", "wandb",
)  # fmt: skip

with heavy_imports():  # frozen: garbage collection between runs skips these objects
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
