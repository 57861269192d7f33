"""`spinlock train-vqvae`."""

import logging
from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, given, output_option, override_option
from spinlock.core.errors import UsageError


@command(
    examples="""spinlock train-vqvae --dataset features.h5 --output checkpoints/mine
    spinlock train-vqvae --config configs/vqvae/sd_features_1k.yaml --verbose
    spinlock train-vqvae --config configs/vqvae/demo.yaml -o training.num_epochs=20 --output checkpoints/short
    torchrun --nproc-per-node 2 -m spinlock train-vqvae --config mine.yaml   # one network, on two processes""",
    reads_files=True,
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A YAML file; everything by its default when not given.",
)
@override_option
@click.option("--dataset", type=ExistingFile(), metavar="FILE", help="The data-set file; sets dataset_path.")
@output_option(required=False, help="Folder of checkpoints and tokenizer; sets training.checkpoint_dir.")
@click.option("--seed", type=int, metavar="N", help="Sets training.seed.")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in training.checkpoint_dir.")
def train_vqvae(
    *,
    config: Path | None,
    overrides: tuple[str, ...],
    dataset: Path | None,
    output: Path | None,
    seed: int | None,
    resume: bool,
) -> Any:
    """Train a tokenizer on the features of a data set; of three backends the best on validation rows is kept."""
    from spinlock.cli.progress import progress
    from spinlock.config import TrainConfig, load_config
    from spinlock.config.load import shipped_config

    if config is None and dataset is None:
        raise UsageError("train-vqvae needs --dataset, the data-set file, or --config, a YAML file that names one.")
    options = given(
        dataset=("dataset_path", dataset), output=("training.checkpoint_dir", output), seed=("training.seed", seed)
    )
    settings = load_config(
        config or shipped_config("vqvae/default.yaml"), TrainConfig, overrides=overrides, options=options
    )
    from spinlock.core import ranks
    from spinlock.pipeline.train import help_to_train, summary, train

    with ranks.joined(settings.training.device):
        if not ranks.is_first():
            logging.getLogger("spinlock").setLevel(logging.ERROR)
            return help_to_train(settings, resume=resume)
        with progress() as listener:
            return summary(train(settings, resume=resume, progress=listener))
