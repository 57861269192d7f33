"""A fitted tokenizer with its figures, to and from its folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError
from spinlock.metrics.report import Report
from spinlock.store.dataset_paths import AGGREGATED
from spinlock.store.tokenizer_folder import load_tokenizer_folder, save_tokenizer_folder
from spinlock.training.fit import FitResult
from spinlock.vqvae.tokenizer import FittedTokenizer


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Artefact:
    """What a tokenizer's folder holds, as values.

    Attributes:
        tokenizer: encodes and decodes.
        training: curves, comparison of the backends, splits, data set.
        report: the figures it was judged by when it was made; None for one that never was.
    """

    tokenizer: FittedTokenizer
    training: Mapping[str, Any]
    report: Report | None

    @property
    def splits(self) -> dict[str, list[str]]:
        """Split → ids of its rows; empty for a tokenizer that was fitted in memory."""
        return dict(self.training.get("splits", {}))

    @property
    def content(self) -> str:
        """Checksum of the data that it was fitted to; "" where it is unknown."""
        return str(self.training.get("dataset", {}).get("content_sha256", ""))

    @property
    def seed(self) -> int:
        """Of its training."""
        return int(self.training.get("seed", 0))

    @property
    def backend_mse(self) -> dict[str, float]:
        """Backend → validation error at equal bits, the one that was not kept too."""
        return {score["backend"]: score["validation_mse"] for score in self.training.get("comparison", ())}

    @property
    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """Name → (epoch, value) pairs of the training, finite values alone; empty where nothing was trained."""
        return {
            name: [(float(epoch), float(value)) for epoch, value in points if value is not None]
            for name, points in self.training.get("curves", {}).items()
        }

    @property
    def dataset_path(self) -> Path:
        """Where the data set that it was fitted to was."""
        return Path(self.training.get("dataset", {}).get("path", ""))

    @property
    def feature_path(self) -> str:
        """Where the columns that it was made for lie in a data-set file."""
        return str(self.training.get("dataset", {}).get("feature_path", AGGREGATED))


def save_artefact(folder: Path, result: FitResult, *, training: Mapping[str, Any], report: Report) -> None:
    """Write a tokenizer with its history and its report."""
    history = {
        "kept": result.kept,
        "comparison": [asdict(score) for score in result.comparison],
        "curves": result.history.to_json(),
    }
    save_tokenizer_folder(
        folder,
        tensors=result.tokenizer.tensors(),
        tokenizer=result.tokenizer.description(),
        training={**training, **history},
        report=json.loads(report.to_json()),
    )


def load_artefact(folder: Path) -> Artefact:
    """Read a tokenizer's folder.

    Raises:
        InputError: if it is not there, not whole, damaged or no tokenizer.
    """
    files = load_tokenizer_folder(folder)
    try:
        tokenizer = FittedTokenizer.from_parts(files.tensors, files.tokenizer)
        report = Report.from_json(json.dumps(files.report)) if files.report is not None else None
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    return Artefact(tokenizer=tokenizer, training=files.training, report=report)
