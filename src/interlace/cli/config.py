"""interlace config"""

import typer

from interlace.cli.arguments import Json, Overrides

app = typer.Typer(no_args_is_help=True, help="Show or check a configuration before anything runs.")


@app.command()
def show(overrides: Overrides = None, json: Json = False) -> None:
    """Print the whole resolved configuration that `train` would use with these overrides."""
    from interlace.configuration.compose import compose

    config = compose(list(overrides or []))
    if json:
        import json as encoder

        print(encoder.dumps(config, indent=2))
    else:
        from omegaconf import OmegaConf

        print(OmegaConf.to_yaml(OmegaConf.create(config)), end="")


@app.command()
def check(overrides: Overrides = None) -> None:
    """Check a configuration: names, types and ranges, and say where its run would be."""
    from interlace.configuration.compose import compose
    from interlace.tracking.staleness import place_of

    config = compose(list(overrides or []), look_for_files=True)
    print(f"fine; the run would be {place_of(config).directory}")
