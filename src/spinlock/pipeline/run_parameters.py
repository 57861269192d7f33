"""What the samples of a data-set file were made from."""

from pathlib import Path

from spinlock.core.errors import InputError
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import ARRAYS
from spinlock.training.parameters import RunParameters


def run_parameters(path: Path) -> RunParameters:
    """System, kind of initial condition and parameters of every sample.

    Raises:
        InputError: if the file does not say them.
    """
    with open_dataset(path) as dataset:
        for name in ("params", "system"):
            if dataset.file.kind(ARRAYS[name].path) is None:
                raise InputError(
                    f"{path} has nothing at {ARRAYS[name].path}, so what its samples were made from is not known; leave out the family parameters."
                )
        table, systems = dataset.parameters, dataset.systems
        has_kinds = dataset.file.kind(ARRAYS["initial_condition"].path) is not None
        ids, groups = dataset.ids_and_groups(len(systems))
        return RunParameters(
            table=table,
            systems=systems,
            initial_conditions=dataset.initial_conditions if has_kinds else ("",) * len(systems),
            ids=ids,
            groups=groups,
        )
