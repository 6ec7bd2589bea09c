"""interlace pretrained"""

from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import existing

app = typer.Typer(no_args_is_help=True, help="Language models in Hugging Face's layout: check them.")

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder with config.json and model.safetensors.", callback=existing)
]


@app.command("check")
def check_model(directory: Folder) -> None:
    """Read a BERT, RoBERTa, GPT-2 or T5 in Hugging Face's layout, check each weight's name and shape, and describe it.

    The folder can then be named wherever a run's directory can: model.init_from=DIR, `interlace generate DIR`.
    """
    from interlace.nn.costs import count_parameters
    from interlace.pretrained import load
    from interlace.pretrained.parents import load_tokenizer, parent_hash

    model = load(directory)
    print(f"family            {model.family} ({model.direction})")
    print(f"parameters        {count_parameters(model)[0]:,}")
    print(f"vocabulary        {model.vocabulary_size:,}")
    print(f"longest sequence  {model.max_length or 'any'}")
    print(f"weights           {parent_hash(directory)}")
    if (directory / "tokenizer.json").exists():
        print(f"tokenizer         {load_tokenizer(directory).kind}")
    print(f"ready: model=pretrained model.init_from={directory}")
