"""`spinlock generate`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import (
    cluster_options,
    config_option,
    given,
    output_form,
    output_option,
    override_option,
    scheduler_of,
)


@command(
    examples="""spinlock generate --config configs/generate/tiny.yaml --dry-run
    spinlock generate --config configs/generate/demo.yaml -o num_samples=96 --output datasets/small.h5"""
)
@config_option
@override_option
@output_option(required=False, help="The data-set file; sets output_path.")
@click.option("--seed", type=int, metavar="N", help="Sets seed.")
@click.option("--workers", metavar="N", help="Sets storage.workers: processes, or auto.")
@cluster_options
@click.option("--keep-states", metavar="WHICH", help="Sets storage.keep_states: none, float32 or float16.")
@click.option("--device", metavar="WHERE", help="Sets device: cpu or cuda.")
@click.option("--shard", metavar="I/N", help="Make one of n parts, for example on several machines; see merge.")
@click.option("--dry-run", is_flag=True, help="Say how long it would take, and the memory and disk that it would need.")
def generate(  # noqa: PLR0913  one argument an option
    *,
    config: Path,
    overrides: tuple[str, ...],
    output: Path | None,
    seed: int | None,
    workers: str | None,
    scheduler: str | None,
    cluster: Path | None,
    keep_states: str | None,
    device: str | None,
    shard: str | None,
    dry_run: bool,
) -> Any:
    """Simulate samples and compute their features; a run that was stopped goes on where it was."""
    from spinlock.cli.progress import progress
    from spinlock.config import GenerateConfig, load_config

    where = scheduler_of(scheduler, cluster, workers=workers, dry_run=dry_run)
    options = given(
        output=("output_path", output),
        seed=("seed", seed),
        workers=("storage.workers", int(workers) if workers and workers.isdecimal() else workers),
        keep_states=("storage.keep_states", keep_states),
        device=("device", device),
    )
    settings = load_config(config, GenerateConfig, overrides=overrides, options=options)
    from spinlock.dynamics.precision import in_words
    from spinlock.pipeline.estimate import estimate
    from spinlock.pipeline.generate import Part, generate_part, screening_counts
    from spinlock.pipeline.generate import generate as run
    from spinlock.pipeline.memory import Footprint

    def say(memory: Footprint) -> None:
        if output_form().verbosity >= 0:
            click.echo(f"generate: {memory.in_words()}, {in_words(settings.precision)}", err=True)

    part = None if shard is None else Part.of_text(shard)
    with progress() as listener:
        if dry_run:
            return estimate(settings, progress=listener)
        if part is not None:
            return generate_part(settings, part, scheduler=where, progress=listener, say=say)
        dataset = run(settings, scheduler=where, progress=listener, say=say)
    return {"dataset": dataset, "screening": screening_counts(dataset)}
