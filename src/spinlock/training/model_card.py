"""The card of a tokenizer: what it is, what it was fitted to, how good it is, how to use it, for people who were given its folder."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureRegistry
from spinlock.core.plain import printable
from spinlock.core.report import Report
from spinlock.features.sdf import SDF
from spinlock.store.json_file import to_json
from spinlock.training.record import TrainingRecord
from spinlock.training.spec import TrainingSpec
from spinlock.vqvae.spec import EncoderSpec, ModelSpec
from spinlock.vqvae.tokenizer import FittedTokenizer
from spinlock.words.word import Word

LICENSE = "mit"
"""Of a tokenizer whose maker says nothing else, as model hubs spell it."""
MOST_WORDS, MOST_SYSTEMS = 3, 40
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def model_card(fitted: FittedTokenizer, record: TrainingRecord, words: Iterable[Word] = ()) -> str:
    """The text of a README.md, Markdown with the YAML that model hubs read on top; the same for the same folder.

    Args:
        fitted: the tokenizer.
        record: how it came about.
        words: what its coarse tokens mean, where that is known.
    """
    facts = record.facts
    report = _report(record)
    header = {
        "license": str(facts.get("license", LICENSE)),
        "library_name": "spinlock",
        "pipeline_tag": "feature-extraction",
        "tags": ["dynamical-systems", "tokenizer", "vector-quantization"],
    }
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in header.items()), "---"]
    lines += ["# A behaviour tokenizer", "", _what_it_is(fitted), ""]
    lines += _words([word for word in words if word.definition is not None])
    lines += ["", "## Use", "", *_use(fitted.registry)]
    lines += ["", "## Data", "", *_bullets(_data(fitted, record))]
    lines += ["", "## Figures", "", *_figures(report, record)]
    lines += ["", "## Limits", "", *_bullets(_limits(fitted, record))]
    lines += ["", "## Provenance", "", *_bullets(_provenance(record)), ""]
    return "\n".join(lines)


def text(words: object) -> str:
    """What a user called something, so that Markdown shows it and does not obey it."""
    return _MARKS.sub(r"\\\1", printable(str(words)))


def _what_it_is(fitted: FittedTokenizer) -> str:
    sizes, names = fitted.codebook_sizes, fitted.category_map.categories
    bits = float(sizes.double().log2().sum())
    return (
        f"It describes a run of a dynamical system by {bits:.0f} bits: {sizes.shape[1]} tokens, coarse to fine, for each of the "
        f"{len(names)} categories {', '.join(map(text, names))}, of {len(fitted.registry)} features. Made with "
        "[spinlock](https://github.com/spinlock-dev/spinlock); nothing but this folder is needed to load it."
    )


def _words(words: list[Word]) -> list[str]:
    """The first word of each of the first categories, and how many there are."""
    if not words:
        return []
    first = {word.category: word for word in reversed(words)}
    few = [first[category] for category in dict.fromkeys(word.category for word in words)][:MOST_WORDS]
    lines = [
        f"- **{text(w.category)} {w.token}**: typically {text(w.title)}; means exactly: {text(w.meaning)}" for w in few
    ]
    return [
        *lines,
        "",
        f"These are {len(few)} of its {len(words)} words; `spinlock words --tokenizer FOLDER` says all.",
    ]


def _use(registry: FeatureRegistry) -> list[str]:
    known = set(registry.names) <= set(SDF.aggregated().names)
    source = "--input my_runs.nc" if known else "--dataset my_features.h5"
    table = (
        'spinlock.extract_features("my_runs.nc")'
        if known
        else "my_frame  # a DataFrame with the columns of the training"
    )
    return [
        "`FOLDER` is where this file lies.",
        "",
        *("```sh", "pip install spinlock", f"spinlock tokenize --tokenizer FOLDER {source} --output tokens.csv", "```", ""),
        *("```python", "import spinlock", "", 'tokenizer = spinlock.Tokenizer.from_pretrained("FOLDER")'),
        *(f"table = {table}", "tokens = tokenizer.encode(table)", "```"),
    ]  # fmt: skip


def _data(fitted: FittedTokenizer, record: TrainingRecord) -> dict[str, str]:
    dataset, made = record.dataset, fitted.provenance
    found = {"file": text(PurePath(dataset["path"]).name) if "path" in dataset else "a table in memory"}
    contents = dataset.get("contents")
    contents = contents if isinstance(contents, Mapping) else {}
    for key, said in _CONTENTS.items():
        if contents.get(key):
            found[said] = text(contents[key])
    systems = contents.get("systems")
    if isinstance(systems, Mapping):
        few = [f"{text(name)} {count}" for name, count in list(systems.items())[:MOST_SYSTEMS]]
        found["systems"] = ", ".join(few) + (f" and {len(systems) - len(few)} more" if len(systems) > len(few) else "")
    found["split by draw of parameters"] = ", ".join(f"{text(name)} {len(ids)}" for name, ids in record.splits.items())
    found["fitted to"] = (
        f"{made.get('num_fitted', made.get('num_train'))} of the {' and '.join(record.fitted_splits)} rows"
    )
    return found


_CONTENTS = {
    "num_samples": "samples",
    "groups": "draws of parameters",
    "num_realizations": "realizations a sample",
    "num_timesteps": "saved states",
    "grid": "cells",
}
"""What the summary of a data set has, and how the card says it."""


def _figures(report: Report | None, record: TrainingRecord) -> list[str]:
    kept = f"Kept: {text(record.facts.get('kept', 'unknown'))}"
    scores = [f"{text(name)} {_number(mse)}" for name, mse in record.backend_mse.items()]
    kept += f"; error of validation rows: {', '.join(scores)}." if scores else "."
    if report is None:
        why = (
            "was not judged on other rows" if record.report is None else "has a report of another version: report.json"
        )
        return [kept, "", f"It {why}. Errors are in units of each column's spread; 1 is what column means reach."]
    split = report.judged_split
    figures, best = report.figures(split), report.best_baseline(split)
    rows = {
        f"error (mean square, {figures.num_samples} {split} rows)": _number(figures.mse),
        "explained share of the variance, R²": _number(figures.r2),
        "R² of a replicate": _number(figures.r2_replicate),
        "bits: nominal / by frequency / that come again": " / ".join(
            f"{bits:.1f}" if bits == bits else "not measured"
            for bits in (report.bits, figures.entropy_bits, figures.reproducible_bits)
        ),
        "coarse tokens that detect their replicates (F1 at least .8)": _number(figures.detectors),
        "rows called out of the corpus": _number(figures.out_of_corpus),
    }
    if best is not None:
        rows[f"error of the best baseline at no more bits ({best.name})"] = _number(best.mse[split])
    table = ["| figure | value |", "|---|---|", *(f"| {text(name)} | {value} |" for name, value in rows.items())]
    return [text(figures.good_for), "", *table, "", f"{kept} {text(figures.notes[0])} All figures: `report.json`."]


def _limits(fitted: FittedTokenizer, record: TrainingRecord) -> list[str]:
    specs = fitted.registry.specs
    of_spread = sum(not spec.is_of_a_run for spec in specs)
    contents = record.dataset.get("contents")
    runs = contents.get("num_realizations") if isinstance(contents, Mapping) else None
    said = []
    if of_spread:
        often = (
            f"It was fitted to {text(runs)} realizations a sample"
            if runs
            else "It was fitted to several realizations a sample"
        )
        said.append(
            f"{often}: {of_spread} of {len(specs)} columns describe their spread. Of a sample with one they are missing, and are "
            "filled in from the columns that are there."
        )
    said.append("A sample that lacks all columns of a category has the token -1 there.")
    if fitted.boundary is not None:
        said.append(
            f"Runs unlike those it was fitted to are marked `out_of_corpus` (further apart than {fitted.boundary.quantile:.0%} of "
            "held-out rows); their tokens say what of the corpus is nearest, not what they do."
        )
    if isinstance(contents, Mapping) and contents.get("num_timesteps") and contents.get("grid"):
        said.append(
            f"Times and lengths were met in runs of {text(contents['num_timesteps'])} states and {text(contents['grid'])} cells; "
            'features that depend on them ("Scale" in spinlock\'s page on features) shift on others.'
        )
    if "test" not in record.splits:
        said.append("No test rows were held out: judge it on data of your own before you rely on it.")
    said.append(
        "One run is a noisy witness of its parameters: look at several before a word is taken for a property of them."
    )
    return said


def _provenance(record: TrainingRecord) -> dict[str, str]:
    facts, dataset = record.facts, record.dataset
    found = {"seed": str(record.seed)}
    if dataset.get("content_sha256"):
        found["content of the data (SHA-256)"] = text(dataset["content_sha256"])
    for split, digest in dict(dataset.get("rows_sha256") or {}).items():
        found[f"{text(split)} rows (SHA-256)"] = text(digest)
    software = facts.get("software")
    if isinstance(software, Mapping):
        found["versions"] = ", ".join(f"{text(name)} {text(version)}" for name, version in software.items())
    configuration = facts.get("configuration")
    if isinstance(configuration, Mapping) and "dataset_path" in configuration:
        found["command"] = f"`{train_command(configuration)}`"
    found["checksums of the files"] = (
        "`manifest.json`, read whenever the folder is loaded; this page is not among them, so edit it"
    )
    return found


def train_command(configuration: Mapping[str, Any]) -> str:
    """The command line that trains by a configuration, as training.json keeps it: what differs from the defaults is said."""
    words = ["spinlock", "train-vqvae", "--dataset", str(configuration["dataset_path"]), "--output", "FOLDER"]
    families = configuration.get("families", {})
    if families != {"summary": {**_defaults(EncoderSpec), "model": None}}:
        words += ["-o", f"families={json.dumps(families)}"]
    training = {**_defaults(TrainingSpec), "category_assignment": "semantic"}  # as configs/vqvae/default.yaml has it
    for section, defaults in (("model", _defaults(ModelSpec)), ("training", training)):
        for name, value in dict(configuration.get(section, {})).items():
            if value != defaults.get(name):
                words += ["-o", f"{section}.{name}={json.dumps(value)}"]
    return printable(shlex.join(words)).replace("`", "'")


def _defaults(spec: Any) -> dict[str, Any]:
    return spec().model_dump(mode="json")


def _report(record: TrainingRecord) -> Report | None:
    """The report in the record, as its folder has it, where this version reads it."""
    try:
        return None if record.report is None else Report.from_json(to_json(record.report))
    except InputError:
        return None


def _bullets(entries: Iterable[str] | Mapping[str, str]) -> list[str]:
    if isinstance(entries, Mapping):
        return [f"- {name}: {value}" for name, value in entries.items()]
    return [f"- {entry}" for entry in entries]


def _number(value: float) -> str:
    return f"{value:.3f}" if value == value else "not measured"
