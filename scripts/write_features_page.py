#!/usr/bin/env python
"""Write docs/features.md from the facts that every feature is declared with, its docstring and its module's.

python scripts/write_features_page.py
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from spinlock.features.feature import Feature
from spinlock.features.sdf import PER_TIMESTEP, PER_TRAJECTORY, SDF_FEATURES, VERSION

PAGE = Path(__file__).parents[1] / "docs" / "features.md"
HEAD = f"""# Features

Written from the code by `python scripts/write_features_page.py`; change the features, not this page.

{len(SDF_FEATURES)} features, definitions of version {VERSION}: {len(PER_TIMESTEP)} of every saved time and {len(PER_TRAJECTORY)} of every run. Those of a
run become three columns of a sample each, over its realizations: `<feature>__mean`, `<feature>__std` and `<feature>__cv` =
std / (|mean| + std), so {3 * len(PER_TRAJECTORY)} columns; of a single realization there is the mean only.

States are seen in units of frame 0's standard deviation; where frame 0 is constant, as in 0-D data or at a start from rest, in units
of the root mean square change from it. u is the field, σ its standard deviation in space, ⟨…⟩ a mean, T the
number of saved times, `dt` the time between them, `dx` the distance of cells. A value that is not there is missing and stays so: "missing"
says when, first what the rollout lacks, then which states; "never" says that there always is one.

"Scale" names the settings that a value depends on beside what it describes: compare it among samples that share them. It stands
where one behaviour, described in two such settings (64 and 250 saved times, 32 x 32 and 64 x 64 cells, a channel once and
twice), has a rank correlation below .9 over simulated draws, or a median distance above a quarter of the spread between
draws; where none stands, the feature keeps both (`benchmarks/feature_stability.py`). Features of the "level of the field" change with a
constant that is added to the states; no other does, and in float64 none is lost below a level of 10⁶ standard deviations and more.

Memory grows with the number of saved times, not with its square: what compares a run with itself looks at a stated number of
times (the last 512, or 64 spread evenly; the features say so), everything else at all of them, of long runs in parts.
"""


def page() -> str:
    """The whole page."""
    categories = list(dict.fromkeys(feature.spec.category for feature in SDF_FEATURES))
    table = ["| category | features | of | sees |", "|---|---|---|---|"]
    parts = []
    for category in categories:
        features = [feature for feature in SDF_FEATURES if feature.spec.category == category]
        title, conventions = _of_module(features[0])
        scope = "every saved time" if features[0].spec.scope == "per_timestep" else "a run"
        table.append(f"| [{category}](#{category}) | {len(features)} | {scope} | {title} |")
        parts.append("\n".join(_category(category, conventions, features)))
    return "\n".join([HEAD, "\n".join(table) + "\n", *parts]).rstrip("\n") + "\n"


def _category(category: str, conventions: list[str], features: list[Feature]) -> Iterator[str]:
    yield f"## {category}\n"
    for paragraph in conventions:
        yield f"{paragraph}\n"
    for feature in features:
        spec = feature.spec
        document = inspect.cleandoc(feature.function.__doc__ or "").replace("Returns:\n", "")
        yield f"### `{spec.name}`\n"
        yield f"**{spec.definition}**\n"
        for paragraph in document.split("\n\n")[1:]:
            yield f"{_shown(' '.join(paragraph.split()))}\n"
        unit = "none" if spec.unit == "1" else spec.unit
        scale = f" · scale: {', '.join(spec.scale)}" if spec.scale else ""
        yield f"Unit: {unit}{scale} · missing: {_shown(spec.missing) or 'never'} · source: {spec.source}\n"


def _of_module(feature: Feature) -> tuple[str, list[str]]:
    """What a category sees, in a few words, and the conventions of its features."""
    document = inspect.cleandoc(sys.modules[feature.function.__module__].__doc__ or "")
    first, *others = (" ".join(paragraph.split()) for paragraph in document.split("\n\n"))
    return first.partition(": ")[2].rstrip("."), [_shown(paragraph) for paragraph in others]


def _shown(text: str) -> str:
    """Text whose signs markdown leaves alone."""
    for sign in "*_<>|":
        text = text.replace(sign, f"\\{sign}") if "`" not in text or sign in "<>|*" else text
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
