#!/usr/bin/env python
"""Write tests/golden/<release>: a file of every format, and what reading it must give, for tests of later releases.

python scripts/write_golden_files.py

Run it once a release, before the tag, and commit the new folder beside the older ones: what was released is never written anew, so
that a later spinlock that cannot read it fails its tests. A folder of the version that is being made is replaced.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import torch

import spinlock
from spinlock.config import GenerateConfig, load_config
from spinlock.core.seeds import torch_stream
from spinlock.core.views import in_memory
from spinlock.pipeline.generate import generate
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tables import family_path, load_table
from spinlock.store.category_file import save_category_map
from spinlock.store.dataset import open_dataset
from spinlock.store.token_file import save_tokens
from spinlock.training.parameters import ParameterTokenizer

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
COLUMNS = ("settling_time", "synchrony", "transport_speed", "granger_channels")
CATEGORIES = ("temporal", "temporal", "causality", "causality")
SHOWN = ("decay_rate__mean", "autocorrelation_time__std", "rank_growth__mean")
"""Columns of the data set whose values are written down."""


def main() -> None:
    """Write everything, and print how large it is."""
    folder = GOLDEN / spinlock.__version__
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    dataset, (tokenizer, tokens) = _dataset(folder), _tokenizer(folder)
    expected = {
        "spinlock": spinlock.__version__,
        "dataset": dataset,
        **tokens,
        "parameters": _families(folder, tokenizer),
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1000:.0f} kB")


def _dataset(folder: Path) -> dict[str, Any]:
    """A data set of four samples, and a map of its categories."""
    small = (
        "num_samples=4",
        "num_timesteps=6",
        "grid_size=8",
        "systems=[gray_scott, lenia]",
        "storage.keep_states=float16",
    )
    path = folder / "dataset.h5"
    config = load_config(
        ROOT / "configs/generate/tiny.yaml",
        GenerateConfig,
        overrides=(*small, f"output_path={path}", "storage.workers=1"),
    )
    generate(config)
    with open_dataset(path) as dataset:
        table = in_memory(dataset.view())
        facts = {"systems": list(dataset.systems), "content_sha256": str(dataset.metadata["content_sha256"])}
    categories = spinlock.CategoryMap.from_registry(table.registry)
    save_category_map(categories, folder / "categories.json")
    values = table.columns([name for name in SHOWN if name in table.names])
    return {
        **facts,
        "columns": list(values.names),
        "values": _listed(values.values),
        "categories": {name: len(columns) for name, columns in categories.group_indices.items()},
    }


def _tokenizer(folder: Path) -> tuple[spinlock.Tokenizer, dict[str, Any]]:
    """A data set of columns of its own, a tokenizer of words and codebooks fitted to it, and its tokens in three formats."""
    chance = torch_stream(0, "golden")
    own = torch.rand((40, 1, len(COLUMNS)), generator=chance)
    values = (own + 0.03 * torch.randn((40, 2, len(COLUMNS)), generator=chance)).flatten(0, 1)
    with h5py.File(folder / "mine.h5", "w") as file:
        features = file.create_dataset("features/mine/aggregated/features", data=values.numpy().astype("f4"))
        features.attrs["column_names"] = COLUMNS
        registry = [{"name": name, "category": category} for name, category in zip(COLUMNS, CATEGORIES, strict=True)]
        file["features/mine"].attrs["feature_registry"] = json.dumps({"features": registry})
        file["parameters/group"] = [draw for draw in range(40) for _ in range(2)]
    table = in_memory(load_table(folder / "mine.h5", family_path("mine")).table)
    tokenizer = spinlock.Tokenizer(
        [(4, 6), (4, 4)], backend="predictive", metric="behaviour", coarse="words", num_centers=8, refit=False
    ).fit(table)
    tokenizer.name_word("temporal", 0, "quiet")
    tokens = tokenizer.encode(table)
    for ending in ("csv", "h5", "parquet"):
        save_tokens(tokens, folder / f"tokens.{ending}")
    return tokenizer, {
        "codes": tokens.codes.tolist(),
        "distances": _listed(tokens.distances),
        "decoded": _listed(tokenizer.decode(tokens).values),
        "titles": [word.title for word in tokenizer.definitions()],
    }


def _families(folder: Path, summary: spinlock.Tokenizer) -> dict[str, Any]:
    """A folder of two families: that tokenizer, and one of the parameters of the data set."""
    runs = run_parameters(folder / "dataset.h5")
    parameters = ParameterTokenizer(12).fit(runs)
    families = spinlock.FamilyTokenizer({"summary": summary, "parameters": parameters})
    families.save_pretrained(folder / "families")
    tokens = families.encode({"parameters": runs})
    return {"names": list(tokens.category_names), "codes": tokens.codes.tolist()}


def _listed(values: torch.Tensor | None) -> list[Any]:
    """Numbers with nine digits, which tell all float32 apart; null where there is none."""
    assert values is not None
    flat = [None if value != value else float(f"{value:.9g}") for value in values.double().flatten().tolist()]
    width = values.shape[-1] if values.ndim > 1 else 1
    return [flat[at : at + width] for at in range(0, len(flat), width)] if values.ndim > 1 else flat


if __name__ == "__main__":
    main()
