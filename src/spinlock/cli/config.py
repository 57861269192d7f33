"""`spinlock config init | show | schema`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import output_form, output_option, override_option

KINDS = click.Choice(("generate", "train", "cluster"))


@command(examples="spinlock config init train --output my_training.yaml")
@click.argument("kind", type=KINDS)
@output_option(required=False, help="The file to write; standard output where nothing is given.")
def init(*, kind: str, output: Path | None) -> Any:
    """Write a complete configuration file to edit: every key with its default, described in a comment."""
    from spinlock.config.kinds import starting_file
    from spinlock.core.errors import UsageError
    from spinlock.store.atomic import write_text

    text = starting_file(kind)
    if output is None:
        return {"text": text} if output_form().as_json else text.rstrip("\n")
    if output.exists():
        raise UsageError(f"{output} exists; choose another --output or remove it.")
    write_text(output, text)
    return {"configuration": output}


@command(examples="spinlock config show configs/vqvae/demo.yaml -o training.num_epochs=20")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@override_option
@click.option("--kind", type=KINDS, help="What the file configures; found from its keys where nothing is given.")
def show(*, path: Path, overrides: tuple[str, ...], kind: str | None) -> Any:
    """Check a configuration file and print it with every default filled in."""
    from spinlock.config.kinds import SECTIONS, as_yaml, kind_of
    from spinlock.config.load import load_config

    config = load_config(path, SECTIONS[kind or kind_of(path)], overrides=overrides)
    return config.model_dump(mode="json") if output_form().as_json else as_yaml(config).rstrip("\n")


@command(examples="spinlock config schema train > train.schema.json")
@click.argument("kind", type=KINDS)
def schema(*, kind: str) -> Any:
    """Print the JSON schema of a kind of file, for editors."""
    import json

    from spinlock.config.kinds import json_schema

    return json_schema(kind) if output_form().as_json else json.dumps(json_schema(kind), indent=1)


@click.group()
def config() -> None:
    """Start, check and describe configuration files."""


for _command in (init, show, schema):
    config.add_command(_command)
