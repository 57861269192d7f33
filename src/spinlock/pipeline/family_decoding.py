"""Decode every family that was trained from the tokens of all."""

import logging
from collections.abc import Mapping

from spinlock.core.views import in_memory, selected, thinned
from spinlock.pipeline.train_columns import Trained
from spinlock.pipeline.train_parameters import TrainedParameters
from spinlock.training.family_fit import MOST_ROWS, FamilyFit, Member, Table, decoding_errors, fit_family_decoder
from spinlock.training.spec import TrainingSpec

log = logging.getLogger(__name__)

Families = Mapping[str, Trained | TrainedParameters]


def decode_across(families: Families, spec: TrainingSpec) -> FamilyFit | None:
    """A decoder from the tokens of all families to the columns of each, and errors of rows that nothing was fitted to.

    Validation rows choose it by the tokenizers that they chose before; where codebooks were fitted once more with them, so is it.
    A family that was trained before saw them, and its part is chosen by what is left.

    Args:
        families: as they were trained, by name.
        spec: of the training.
    """
    columns = {name: one for name, one in families.items() if isinstance(one, Trained)}
    if not columns or len(families) < 2:
        return None
    rows = {split: _common(families, split) for split in ("train", "validation", "test")}
    if len(rows["train"]) < 2 or not rows["validation"]:
        log.warning(
            "families have too few training and validation samples in common to be decoded from each other's tokens."
        )
        return None
    first = next(iter(columns.values())).views["train"]
    train = thinned(selected(first, rows["train"]), MOST_ROWS, spec.seed).ids
    tables = {"train": _tables(families, train), "validation": _tables(families, rows["validation"][:MOST_ROWS])}
    chosen = {name: _member(one, is_final=False) for name, one in families.items()}
    fit = fit_family_decoder(chosen, tables["train"], tables["validation"], spec=spec)
    final = {name: _member(one, is_final=True) for name, one in families.items()}
    if fit.decoder is None:
        log.info("no family is decoded better from the tokens of all families than from its own.")
        return fit
    if spec.refit:
        everything = _tables(families, (*train, *rows["validation"])[:MOST_ROWS])
        fit = fit_family_decoder(final, everything, None, spec=spec, choices=fit.choices)
    judged = rows["test"][:MOST_ROWS] or rows["validation"][:MOST_ROWS]
    assert fit.decoder is not None
    errors = decoding_errors(fit.decoder, final, _tables(families, judged))
    for name, (own, together) in errors.items():
        log.info(
            "%s: mean squared error %.4f from its own tokens, %.4f from those of all families.", name, own, together
        )
    return FamilyFit(decoder=fit.decoder, choices=fit.choices, errors=errors)


def _member(trained: Trained | TrainedParameters, *, is_final: bool) -> Member:
    if isinstance(trained, TrainedParameters):
        return trained.tokenizer
    fitted = trained.tokenizer
    return fitted.tokenizer_ if is_final or not hasattr(fitted, "result_") else fitted.result_.chosen


def _common(families: Families, split: str) -> tuple[str, ...]:
    """The samples of a split that every family has, in the order of the first."""
    own = [tuple(one.splits.get(split, ())) for one in families.values()]
    there = set(own[0]).intersection(*own[1:])
    return tuple(name for name in own[0] if name in there)


def _tables(families: Families, ids: tuple[str, ...]) -> dict[str, Table]:
    """The rows of some samples in every family."""
    return {
        name: in_memory(selected(one.table, ids)) if isinstance(one, Trained) else one.runs.of_ids(ids)
        for name, one in families.items()
    }
