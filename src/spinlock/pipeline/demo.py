"""`spinlock demo`: the whole pipeline on a small data set, call by call; also the tutorial.

Each call is what the command of its name does. In an empty folder `run`, by hand:

    spinlock generate --config configs/generate/demo.yaml --output run/rollouts.h5
    spinlock validate --dataset run/rollouts.h5
    spinlock discover-categories --dataset run/rollouts.h5 --output run/categories.json
    spinlock train-vqvae --config configs/vqvae/demo.yaml --dataset run/rollouts.h5 --output run/tokenizer \\
        -o training.category_mapping_file=run/categories.json
    spinlock validate --tokenizer run/tokenizer --dataset run/rollouts.h5
    spinlock tokenize --tokenizer run/tokenizer --dataset run/rollouts.h5 --output run/tokens.csv
    spinlock words --tokenizer run/tokenizer --input run/rollouts.h5
    spinlock report --tokenizer run/tokenizer --dataset run/rollouts.h5 --output run/report.html
"""

from pathlib import Path
from typing import Any

from spinlock.config.generate import GenerateConfig
from spinlock.config.load import load_config, shipped_config
from spinlock.config.train import TrainConfig
from spinlock.pipeline.discover_categories import discover_categories
from spinlock.pipeline.generate import generate
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.report import report
from spinlock.pipeline.tokenize_table import tokenize_table
from spinlock.pipeline.train import summary, train
from spinlock.pipeline.validate import validate_dataset


def demo(folder: Path, *, progress: Progress = silent) -> dict[str, Any]:
    """Simulate, describe, check, group, train, judge, tokenize, show; returns where everything is, and the figures.

    Run again, it keeps the data set that is already there, or goes on with it.

    Args:
        folder: for everything that is written.
        progress: is told of every stage.
    """
    # Simulate every system with Sobol parameters, and describe each rollout by its features.
    place = {"--output": ("output_path", str(folder / "rollouts.h5"))}
    rollouts = generate(
        load_config(shipped_config("generate/demo.yaml"), GenerateConfig, options=place), progress=progress
    )

    # Is the data set sound? No dead column, no two columns that say the same.
    health = validate_dataset(rollouts, progress=progress)

    # Group the columns by what they mean.
    categories = discover_categories(rollouts, folder / "categories.json", progress=progress)

    # Train on some draws of parameters, choose on others, judge on the rest, beside baselines at equal bits.
    places = {
        "--dataset": ("dataset_path", str(rollouts)),
        "--output": ("training.checkpoint_dir", str(folder / "tokenizer")),
        "--mapping": ("training.category_mapping_file", str(categories.output)),
    }
    trained = train(load_config(shipped_config("vqvae/demo.yaml"), TrainConfig, options=places), progress=progress)

    # Hand out the tokens, and show what they mean.
    tokens = tokenize_table(trained.folder, rollouts, folder / "tokens.csv", progress=progress)
    page = report(trained.folder, rollouts, folder / "report.html", progress=progress)

    figures = summary(trained)
    return {
        "samples": tokens.samples,
        "columns": health.columns,
        "dead_or_double_columns": len(health.missing) + len(health.constant) + len(health.twins),
        "bits_a_sample": tokens.bits,
        "thresholds_on_test_rows": figures["thresholds"],
        "mse_at_equal_bits": figures["baselines_at_equal_bits_mse"],
        "rollouts": rollouts,
        "tokenizer": trained.folder,
        "tokens": tokens.output,
        "report": page.report,
    }
