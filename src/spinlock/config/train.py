"""The schema of a training file: data set, feature families, tokenizer, training; the parts own their sections."""

from typing import Annotated

from pydantic import AfterValidator, Field

from spinlock.core.errors import did_you_mean
from spinlock.core.spec import FilePath, Spec
from spinlock.training.spec import TrainingSpec
from spinlock.vqvae.spec import EncoderSpec, ModelSpec

FAMILIES = ("summary", "sdf")
"""Feature families that a tokenizer is trained on; "summary" and "sdf" are two names of one."""


def _known_family(name: str) -> str:
    if name not in FAMILIES:
        raise ValueError(f"unknown feature family '{name}'. {did_you_mean(name, FAMILIES)}".rstrip("."))
    return name


class TrainConfig(Spec):
    """A tokenizer and how it is trained."""

    dataset_path: FilePath
    """The data-set file with the features."""

    families: Annotated[
        dict[Annotated[str, AfterValidator(_known_family)], EncoderSpec], Field(min_length=1, max_length=1)
    ]
    """Feature family → its encoder; a tokenizer is trained on one family."""

    model: ModelSpec = ModelSpec()
    training: TrainingSpec = TrainingSpec()

    @property
    def family(self) -> str:
        """The feature family that is tokenized."""
        return next(iter(self.families))
