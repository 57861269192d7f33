"""What the benchmarks of the tokenizer share: their options, the rows they draw and split, a fit, and results that are kept."""

import argparse
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import spinlock
from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.core.masked import masked_mse
from spinlock.core.seeds import stream
from spinlock.core.views import in_memory
from spinlock.pipeline.tables import load_table
from spinlock.store.atomic import sha256_of_bytes
from spinlock.training.fit import fit_tokenizer
from spinlock.training.spec import FitSpec
from spinlock.training.split import split_by_group
from spinlock.vqvae.spec import EncoderSpec, ModelSpec
from spinlock.vqvae.tokenizer import FittedTokenizer


class SplitTable(NamedTuple):
    """The three splits of a table."""

    train: FeatureTable
    validation: FeatureTable
    test: FeatureTable


def arguments_of(doc: str, **options: Mapping[str, Any]) -> argparse.Namespace:
    """What a benchmark is called with: a data set, options of its own by name, `--json`; from here on there is one thread."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    for name, how in options.items():
        parser.add_argument(f"--{name}", **how)
    parser.add_argument("--json", action="store_true")
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)
    return parser.parse_args()


class Results:
    """Figures by name in a JSON file; what was measured with the present code already is not measured again."""

    def __init__(self, path: Path) -> None:
        self.path, self.version = path, code_version()
        self.found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, name: str, measure: Callable[[], Any]) -> Any:
        """The figure of a name; what was measured is in the file at once."""
        key = f"code {self.version} {name}"
        if key not in self.found:
            self.found[key] = measure()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.found, indent=1))
        return self.found[key]


def code_version() -> str:
    """Of the package and the benchmarks as they are now: what was measured with other code is measured anew."""
    folders = (Path(spinlock.__file__).parent, Path(__file__).parent)
    sources = [path.read_bytes() for folder in folders for path in sorted(folder.rglob("*.py"))]
    return sha256_of_bytes(b"\0".join(sources))[:12]


def summary_table(dataset: Path) -> FeatureTable:
    """All rows of a data-set file."""
    return in_memory(load_table(dataset).table)


def drawn(table: FeatureTable, *, rows: int, seed: int) -> FeatureTable:
    """`rows` rows of a table, or all of fewer; every seed draws others."""
    chosen = np.sort(stream(seed, "rows").permutation(len(table))[:rows])
    return table.rows(torch.from_numpy(chosen))


def split_table(table: FeatureTable, *, seed: int) -> SplitTable:
    """Training, validation and test rows; no group is in two of them."""
    split = split_by_group(table.groups, seed=seed)
    return SplitTable(*(table.rows(rows) for rows in (split.train, split.validation, split.test)))


def fitted(
    split: SplitTable,
    *,
    category_map: CategoryMap,
    model: ModelSpec,
    encoder: EncoderSpec | None = None,
    **settings: Any,
) -> FittedTokenizer:
    """The tokenizer of a split, fitted to training rows alone, as whatever it is compared with."""
    fit = FitSpec(refit=False, **settings)
    found = fit_tokenizer(
        split.train, split.validation, category_map=category_map, model=model, encoder=encoder, fit=fit
    )
    return found.tokenizer


def coding_error(tokenizer: FittedTokenizer, test: FeatureTable) -> float:
    """Mean squared error of rows after coding, in standardised units."""
    y, seen = tokenizer.normalize(test)
    return masked_mse(y, tokenizer.decode_normalized(tokenizer.encode(test)), seen)
