"""interlace sweep"""

import typer

from interlace.cli import sweep_wandb

app = typer.Typer(no_args_is_help=True, help="Search options with trials that are ordinary runs.")
sweep_wandb.register(app)
