"""A behaviour tokenizer for dynamical systems.

    dynamics ──▶ Rollout ──▶ features ──▶ FeatureTable ──▶ categories ──▶ CategoryMap ──▶ vqvae ──▶ TokenTable
    simulate                 featurize                     group                          quantise  (metrics judge it)

    core/        the values that flow: Rollout, FeatureTable, CategoryMap, TokenTable; registries, errors, seeds
    dynamics/    simulate systems whose behaviour is worth describing
    features/    describe a rollout by numbers with names
    categories/  group columns that belong together
    vqvae/       quantise every category, coarse to fine
    words/       say in language what coarse tokens mean
    training/    split, fit, keep the better; the `Tokenizer` that users call
    metrics/     judge: pure functions and baselines at equal bits
    questions/   ask: what behaves alike, what differs, parameters for a behaviour, tokens for parameters, what goes with what
    plots/       figures and the report page
    store/       spinlock's own files, and the guard before those of others
    importers/   rollouts from files and arrays of others
    datasets.py  rollouts to try things on, simulated on the spot
    config/      YAML files as checked sections
    pipeline/    one function a stage: configuration → files
    cli/         `spinlock <command>`

The names below are loaded when they are first used, so `import spinlock` is quick:

    table = spinlock.extract_features(states, axes="ntchw", dt=0.1)
    tokenizer = spinlock.Tokenizer().fit(table)
    tokens = tokenizer.encode(table)

    table = spinlock.extract_features(spinlock.datasets.load_demo())  # where you have no runs at hand
"""

from importlib import import_module
from typing import Any

from spinlock._version import __version__

_HOMES = {
    "Rollout": "spinlock.core.rollout",
    "FeatureSpec": "spinlock.core.feature_table",
    "FeatureRegistry": "spinlock.core.feature_table",
    "FeatureTable": "spinlock.core.feature_table",
    "CategoryMap": "spinlock.core.category_map",
    "Level": "spinlock.vqvae.spec",
    "TokenTable": "spinlock.core.tokens",
    "load_tokens": "spinlock.store.token_file",
    "View": "spinlock.core.views",
    "ModelSpec": "spinlock.vqvae.spec",
    "EncoderSpec": "spinlock.vqvae.spec",
    "FitSpec": "spinlock.training.spec",
    "open_rollouts": "spinlock.importers",
    "extract_features": "spinlock.importers.describe",
    "extract_families": "spinlock.importers.describe",
    "simulate_step": "spinlock.dynamics.user_step",
    "Tokenizer": "spinlock.training.estimator",
    "FamilyTokenizer": "spinlock.training.families",
    "ParameterTokenizer": "spinlock.training.parameters",
    "open_families": "spinlock.pipeline.tables",
    "Callback": "spinlock.training.callbacks",
    "TensorBoard": "spinlock.training.callbacks",
    "TokenFeatures": "spinlock.training.token_features",
    "BehaviourIndex": "spinlock.questions.search",
    "compare": "spinlock.pipeline.compare",
    "functors": "spinlock.pipeline.functors",
    "predict": "spinlock.pipeline.predict",
    "propose": "spinlock.pipeline.propose",
    "relate": "spinlock.pipeline.relate",
    "load_windows": "spinlock.pipeline.series",
    "SequenceVocabulary": "spinlock.core.sequences",
    "sequence_bits": "spinlock.metrics.sequence_bits",
    "ChangeDetector": "spinlock.questions.changes",
    "SpinlockError": "spinlock.core.errors",
    "UsageError": "spinlock.core.errors",
    "ConfigError": "spinlock.core.errors",
    "InputError": "spinlock.core.errors",
    "NamesDifferError": "spinlock.core.errors",
    "ResourceError": "spinlock.core.errors",
    "NotFittedError": "spinlock.core.errors",
}
"""Public name → the module that it lives in."""

_MODULES = ("datasets",)
"""Modules that are used by their name."""

__all__ = ["__version__", *_MODULES, *_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """A public name, imported from its home at first use (PEP 562)."""
    if name in _MODULES:
        return import_module(f"spinlock.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'spinlock' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
