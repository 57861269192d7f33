"""What a feature's docstring says, taken apart: definition, text, range, scale, and when there is no value."""

import inspect
import re
import sys
from dataclasses import dataclass
from functools import lru_cache

from spinlock.features.feature import Feature
from spinlock.features.sdf import SDF_FEATURES

_SCALE = "Scale:"
_WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z√(0-9]|NaN)")
_STEPS = re.compile(r"(?:with )?(?:fewer than|below) (\d+|two|three|four|five|six) (?:saved times|steps|times)(?: or)?")
_RANGE = re.compile(
    r"\b[Ii]n [\[(](?:[^\[\]()]|\([^()]*\))*[\])]|-?\.?\d[\d.]* … [√./\d]*\d|[<>]=? -?\d+(?:\.\d+)?|[Oo]f either sign|[Aa]ny real number"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureText:
    """A feature as its docstring describes it.

    Attributes:
        definition: the first line.
        text: what follows, formula and meaning, one paragraph a line; without the sentence on missing values.
        values: the range of the values in words, "" where the docstring gives none.
        missing: when there is no value, in words; "" where it always has one.
        scale: what the value is in units of besides its unit, as `benchmarks/feature_stability.py` found it: for example
            "length of the run"; "" where it agrees between settings.
    """

    definition: str
    text: str
    values: str
    missing: str
    scale: str


@lru_cache(maxsize=256)
def described(feature: Feature) -> FeatureText:
    """What the docstring of a feature says; what its module says of all its features counts too."""
    document = inspect.cleandoc(feature.function.__doc__ or "")
    definition, _, rest = document.partition("\n")
    paragraphs = [" ".join(part.split()) for part in rest.replace("Returns:", "\n\n").split("\n\n")]
    scale = [paragraph for paragraph in paragraphs if paragraph.startswith(_SCALE)]
    sentences = [_SENTENCE.split(paragraph) for paragraph in paragraphs if paragraph and paragraph not in scale]
    missing = [part for paragraph in sentences for part in paragraph if "NaN" in part]
    told = [" ".join(part for part in paragraph if "NaN" not in part) for paragraph in sentences]
    text = "\n".join(paragraph.rstrip("; ") for paragraph in told if paragraph)
    ranges = list(dict.fromkeys(found.group(0) for found in _RANGE.finditer(text)))
    return FeatureText(
        definition=definition.strip(),
        text=text,
        values=ranges[0][0].lower() + ranges[0][1:] if ranges else "",
        missing=" ".join([*missing, *_of_module(feature, own=" ".join(missing))]).strip(),
        scale=" ".join(paragraph.removeprefix(_SCALE).strip(" .") for paragraph in scale),
    )


def _of_module(feature: Feature, *, own: str) -> list[str]:
    """What the module's docstring says on missing values, without the number of steps where the feature has one of its own."""
    document = " ".join((sys.modules[feature.function.__module__].__doc__ or "").split())
    clauses = [found.group(0).strip() for found in re.finditer(r"NaN [^.;]*", document)]
    if _STEPS.search(own):
        clauses = [" ".join(_STEPS.sub("", clause).split()) for clause in clauses]
    return [f"{clause}." for clause in clauses]


def words_on_missing(feature: Feature) -> str:
    """When a feature has no value: its own words, followed by those of the features that it refers to (NaN where `x` is)."""
    by_name = {other.name: other for other in SDF_FEATURES}
    words, seen, waiting = [], {feature.name}, [feature]
    while waiting:
        text = described(waiting.pop()).missing
        words.append(text)
        named = [by_name[name] for name in re.findall(r"`(\w+)`", text) if name in by_name and name not in seen]
        seen |= {other.name for other in named}
        waiting += named
    return " ".join(words)


def fewest_steps(feature: Feature) -> int:
    """Saved times that a feature needs, as its docstring says; 1 where it says nothing."""
    found = _STEPS.findall(words_on_missing(feature))
    return max((_WORDS.get(number) or int(number) for number in found), default=1)


def needs_channels(feature: Feature) -> bool:
    """Whether a feature compares channels, so that one channel has no value, as its docstring says."""
    return "one channel" in words_on_missing(feature)


def needs_space(feature: Feature) -> bool:
    """Whether a feature has no value in 0-D data, or along an axis of one cell, as its docstring says."""
    return bool(
        re.search(r"extent in space|one (?:row|column) of cells|one pixel|two blocks", words_on_missing(feature))
    )


def needs_wrap(feature: Feature) -> bool:
    """Whether a feature has no value in domains that do not wrap around, as its docstring says."""
    return "do not wrap around" in described(feature).missing


def needs_square(feature: Feature) -> bool:
    """Whether a feature has no value where height and width differ, as its docstring says."""
    return "height and width differ" in described(feature).missing


def is_fixed_in_one_dimension(feature: Feature) -> bool:
    """Whether a feature is one number in data of one dimension, as its docstring says."""
    return "in one dimension" in described(feature).text
