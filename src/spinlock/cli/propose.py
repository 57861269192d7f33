"""`spinlock propose`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import (
    ExistingFile,
    cluster_options,
    output_form,
    output_option,
    scheduler_of,
    tokenizer_option,
)


@command(
    examples="""spinlock propose datasets/demo.h5 --tokenizer checkpoints/demo --want "temporal=12 nonlinear=3" --system gray_scott
    spinlock propose datasets/demo.h5 --tokenizer checkpoints/demo --want temporal=12 --system lenia -n 4 --simulate""",
    reads_files=True,
)
@click.argument("dataset", metavar="DATASET", type=ExistingFile())
@tokenizer_option(default="behaviour-1")
@click.option("--want", required=True, metavar="TOKENS", help='Coarse tokens, as in "temporal=12 nonlinear=3".')
@click.option("--system", metavar="NAME", help="Whose parameters; not needed where the data set has one system.")
@click.option("-n", "count", type=int, default=8, show_default=True, metavar="N", help="Proposals.")
@click.option("--simulate", is_flag=True, help="Run each once, with a new initial condition and new noise.")
@cluster_options
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the steps and the forest.")
@output_option(
    required=False, help="Also a file: .json, or .yaml for one proposal as a configuration of spinlock generate."
)
def propose(  # noqa: PLR0913  one argument an option
    *,
    dataset: Path,
    tokenizer: Path,
    want: str,
    system: str | None,
    count: int,
    simulate: bool,
    scheduler: str | None,
    cluster: Path | None,
    seed: int,
    output: Path | None,
) -> Any:
    """Propose parameters that will show wanted tokens: small steps from runs that showed them, the likeliest of them."""
    from spinlock.cli.progress import progress
    from spinlock.core.plain import to_plain
    from spinlock.pipeline.propose import propose as run

    where = scheduler_of(scheduler, cluster)
    with progress() as listener:
        answer = run(
            dataset,
            tokenizer,
            want=want,
            system=system,
            count=count,
            simulate=simulate,
            seed=seed,
            output=output,
            scheduler=where,
            progress=listener,
        )
    told = to_plain(answer)
    if output_form().as_json:
        return told
    rows = [_row(proposal) for proposal in told.pop("proposals")]
    simulated = told.pop("simulated")
    return told | {"proposals": rows} | ({} if simulated is None else {"simulated": simulated})


def _row(proposal: dict[str, Any]) -> dict[str, Any]:
    """A proposal as a line of a table."""
    parameters = proposal.pop("parameters")
    showed_it = proposal.pop("showed_it")
    return proposal | parameters | ({} if showed_it is None else {"showed_it": showed_it})
