"""`spinlock pairs`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import config_option, given, output_option, override_option


@command(
    examples="""spinlock pairs --config configs/generate/demo.yaml -o systems=[gray_scott] \\
        --operations "feed+0.2 kill_position-0.2 feed+0.2&kill_position-0.2 later" --output datasets/pairs.h5
    spinlock pairs --config configs/generate/demo.yaml -o systems=[lenia,cnn] \\
        --operations "lenia.growth_width+0.2 cnn.gain+0.2 initial=crossed_waves" --dry-run""",
)
@config_option
@override_option
@click.option(
    "--operations",
    required=True,
    metavar="WORDS",
    help="feed+0.2 moves a parameter by .2 of its own distribution, initial=KIND takes another kind of initial condition, later is "
    "the run after its end; & joins several into one.",
)
@click.option("--bases", type=int, default=12, show_default=True, metavar="N", help="Draws of parameters.")
@click.option(
    "--initial-conditions", type=int, default=6, show_default=True, metavar="N", help="Of each base; at least 3."
)
@output_option(required=False, help="The data-set file; sets output_path.")
@click.option("--seed", type=int, metavar="N", help="Sets seed.")
@click.option("--workers", metavar="N", help="Sets storage.workers: processes, or auto.")
@click.option("--dry-run", is_flag=True, help="Say how long it would take, and the memory and disk that it would need.")
def pairs(  # noqa: PLR0913  one argument an option
    *,
    config: Path,
    overrides: tuple[str, ...],
    operations: str,
    bases: int,
    initial_conditions: int,
    output: Path | None,
    seed: int | None,
    workers: str | None,
    dry_run: bool,
) -> Any:
    """Simulate runs, and beside each the same run under operations: same initial condition, same noise.

    A run that was stopped goes on where it was. `spinlock functors` says what the operations do.
    """
    from spinlock.cli.progress import progress
    from spinlock.config import GenerateConfig, load_config

    options = given(
        operations=("pairs.operations", operations),
        bases=("pairs.bases", bases),
        initial_conditions=("pairs.initial_conditions", initial_conditions),
        output=("output_path", output),
        seed=("seed", seed),
        workers=("storage.workers", int(workers) if workers and workers.isdecimal() else workers),
    )
    settings = load_config(config, GenerateConfig, overrides=overrides, options=options)
    from spinlock.pipeline.estimate import estimate
    from spinlock.pipeline.generate import generate, screening_counts
    from spinlock.pipeline.recipe import counted

    settings = counted(settings)
    with progress() as listener:
        if dry_run:
            return estimate(settings, progress=listener)
        dataset = generate(settings, progress=listener)
    return {"dataset": dataset, "runs": settings.num_samples, "screening": screening_counts(dataset)}
