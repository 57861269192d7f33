"""How a tokenizer came about: what its folder keeps beside what encoding needs, carried by the fitted object."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from spinlock.categories.by_clustering import ClusteringResult
from spinlock.core.plain import to_plain
from spinlock.core.report import ColumnTree
from spinlock.core.shown import shown
from spinlock.core.software import software
from spinlock.core.views import View
from spinlock.training.fit import FitResult


@shown
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingRecord:
    """What training.json and report.json hold, kept as it was read: what nobody changes is written back unchanged.

    Attributes:
        facts: curves, comparison of the backends, splits, data set, settings, software; fit for JSON.
        report: the figures that the tokenizer was judged by; None where it never was.
    """

    facts: Mapping[str, Any]
    report: Mapping[str, Any] | None = None

    def with_facts(self, **facts: Any) -> "TrainingRecord":
        """The record with more facts, or others."""
        return replace(self, facts={**self.facts, **facts})

    @property
    def splits(self) -> dict[str, list[str]]:
        """Split → ids of its rows."""
        return dict(self.facts.get("splits", {}))

    @property
    def fitted_splits(self) -> tuple[str, ...]:
        """The splits whose rows codebooks and decoders were fitted to."""
        return ("train", "validation") if self.facts.get("refit") else ("train",)

    @property
    def dataset(self) -> dict[str, Any]:
        """Of the rows that it was fitted to: "path", "feature_path" and checksums, as far as they are known."""
        return dict(self.facts.get("dataset", {}))

    @property
    def seed(self) -> int:
        """Of the training."""
        return int(self.facts.get("seed", 0))

    @property
    def backend_mse(self) -> dict[str, float]:
        """Backend → validation error at equal bits, those that were not kept too."""
        return {score["backend"]: score["validation_mse"] for score in self.facts.get("comparison", ())}

    @property
    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """Name → (epoch, value) pairs of the training, finite values alone; empty where nothing was trained."""
        return {
            name: [(float(epoch), float(value)) for epoch, value in points if value is not None]
            for name, points in self.facts.get("curves", {}).items()
        }


def record_of(
    result: FitResult, views: Mapping[str, View], *, seed: int, clustering: Mapping[str, Any] | None
) -> TrainingRecord:
    """The record of a fit.

    Args:
        result: of the fit.
        views: split → rows: "train" and "validation".
        seed: of the fit.
        clustering: where the categories came from one, as `clustering_facts` gives it.
    """
    made = result.tokenizer.provenance
    facts: dict[str, Any] = {
        "configuration": {name: made[name] for name in ("model", "encoder", "fit")},
        "seed": seed,
        "dataset": {"rows_sha256": {name: fingerprint(view) for name, view in views.items()}},
        "splits": {name: list(view.ids) for name, view in views.items()},
        "software": software(),
        "kept": result.kept,
        "comparison": [asdict(score) for score in result.comparison],
        "curves": result.history.to_json(),
        "refit": result.tokenizer is not result.chosen,
    }
    if clustering is not None:
        facts["clustering"] = clustering
    return TrainingRecord(facts=facts)


def fingerprint(view: View) -> str:
    """SHA-256 of the names and values of rows, in order; what a table in memory is recognised by."""
    digest = hashlib.sha256("\n".join(view.registry.names).encode())
    for block in view.blocks():
        digest.update(block.values.numpy().tobytes())
    return digest.hexdigest()


def clustering_facts(found: ClusteringResult) -> dict[str, Any]:
    """A clustering as JSON keeps it, for the report."""
    group_of = {column: group for group, columns in enumerate(found.map.group_indices.values()) for column in columns}
    place = {name: column for column, name in enumerate(found.map.feature_names)}
    tree = ColumnTree(
        linkage=tuple(map(tuple, found.linkage.tolist())),
        leaves=found.leaves,
        groups=tuple(group_of[place[name]] for name in found.leaves),
        stability=found.stability,
        correlations=found.correlations,
        scores=found.scores,
    )
    return to_plain(tree)
