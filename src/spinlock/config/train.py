"""The schema of a training file: data set, feature families, tokenizer, training; the parts own their sections."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from spinlock.core.errors import did_you_mean
from spinlock.core.spec import FilePath, Location, Spec, located
from spinlock.training.spec import SUMMARY, TrainingSpec
from spinlock.vqvae.spec import EncoderSpec, ModelSpec

PARAMETERS = "parameters"
"""The family of what runs were made from, which has cells in place of codebooks."""
TRAJECTORY = "trajectory"
"""The family of the courses of series."""
CURVES = {"metric": "columns", "coarse": "codebook"}
"""What tokens of courses keep where a file leaves it open: the courses, evenly over all runs."""
FAMILIES = (*SUMMARY, TRAJECTORY, "initial", "time_series", "field", PARAMETERS)
"""Families that tokenizers are trained on."""


def _known_family(name: str) -> str:
    if name not in FAMILIES:
        raise ValueError(f"unknown feature family '{name}'. {did_you_mean(name, FAMILIES)}".rstrip("."))
    return name


class FamilySpec(EncoderSpec):
    """How a family is encoded by the learned quantiser, and its own shape where it differs."""

    model: ModelSpec | None = None
    """The shape of this family's tokenizer, in place of the file's `model`."""

    frozen: FilePath | None = None
    """Folder of a tokenizer of this family that is taken as it is, with its split; trained when not given."""


class TrainConfig(Spec):
    """A tokenizer, or one for each of several families, and how they are trained."""

    dataset_path: FilePath
    """The data-set file with the features."""

    families: Annotated[dict[Annotated[str, AfterValidator(_known_family)], FamilySpec], Field(min_length=1)]
    """Family → how it is tokenized; several are trained on the same split, one after the other but for `training.joint`."""

    model: ModelSpec = ModelSpec()
    training: TrainingSpec = TrainingSpec()

    @model_validator(mode="after")
    def _check_families(self) -> "TrainConfig":
        """Each family once, and files of one tokenizer only where there is one."""
        mistakes = []
        if set(SUMMARY) <= set(self.families):
            mistakes.append((("families", "sdf"), "is another name of summary, which is there too; remove one of them"))
        if self.training.resume_from is not None and len(self.families) > 1:
            text = "is of one family; with several, resume in their own folder (--resume)"
            mistakes.append((("training", "resume_from"), text))
        mistakes += self._parameter_mistakes() + self._joint_mistakes()
        if mistakes:
            raise located(mistakes)
        return self

    def _parameter_mistakes(self) -> list[tuple[Location, str]]:
        """Parameters have a budget of bits, and nothing that is trained."""
        own = self.families.get(PARAMETERS)
        if own is None:
            return []
        mistakes: list[tuple[Location, str]] = []
        has_network = own.model_copy(update={"model": None, "frozen": None}) != FamilySpec()
        if has_network or (own.model is not None and own.model.model_copy(update={"bits": None}) != ModelSpec()):
            text = "takes model: {bits: …} alone: parameters are cut into cells, without codebooks and networks; remove the rest"
            mistakes.append((("families", PARAMETERS), text))
        if self.training.resume_from is not None and self.family == PARAMETERS:
            text = "goes on with a training, and parameters are fitted in seconds; remove it"
            mistakes.append((("training", "resume_from"), text))
        return mistakes

    def _joint_mistakes(self) -> list[tuple[Location, str]]:
        """Several families in one run, and only such as there are."""
        joint, place = self.training.joint, ("training", "joint")
        mistakes: list[tuple[Location, str]] = []
        if len(self.families) == 1:
            if joint is not None:
                mistakes.append((place, "trains several families in one run; name more of them, or remove it"))
            if self.families[self.family].frozen is not None:
                text = "is of one family among several; name what is to be trained beside it, or remove it"
                mistakes.append((("families", self.family, "frozen"), text))
        if joint is None:
            return mistakes
        cross = joint.cross
        named = [((*place, "weights"), name) for name in joint.weights]
        if cross is not None:
            named += [((*place, "cross", "predict"), cross.predict)]
            named += [((*place, "cross", "from"), name) for name in cross.sources]
        for where, name in named:
            if name not in self.families:
                hint = did_you_mean(name, self.families).rstrip(".")
                mistakes.append((where, f"names the family '{name}', which is not among families. {hint}"))
        if cross is not None and (cross.predict == PARAMETERS or cross.predict in cross.sources):
            text = "must be a family with codebooks that is not among from, for example summary"
            mistakes.append(((*place, "cross", "predict"), text))
        if cross is not None and all(name == PARAMETERS for name in cross.sources):
            text = "needs a family with a network beside parameters, for example initial"
            mistakes.append(((*place, "cross", "from"), text))
        return mistakes

    @property
    def family(self) -> str:
        """The feature family that is tokenized; the first of several."""
        return next(iter(self.families))

    def of_family(self, name: str) -> "TrainConfig":
        """The same for one of the families, in a folder of its own below; a file that groups columns is the summary's."""
        own = self.families[name]
        changes: dict[str, object] = {"checkpoint_dir": self.training.checkpoint_dir / name}
        if self.training.tensorboard is not None:
            changes["tensorboard"] = self.training.tensorboard / name
        if name not in SUMMARY:
            changes |= {"category_mapping_file": None, "category_assignment": "semantic"}
        return self.model_copy(
            update={
                "families": {name: own},
                "model": own.model or self.model,
                "training": self.training.model_copy(update=changes),
            }
        )
