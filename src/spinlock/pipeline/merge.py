"""`spinlock merge`: parts of a data set that were made on their own become one file."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from spinlock.core.errors import InputError
from spinlock.pipeline.generate import check_target
from spinlock.pipeline.recipe import config_of_data, description_of, fingerprint_of, plan_of, recipe_of
from spinlock.store.merge import DATASET, merge_shards
from spinlock.store.outputs import check_output, claim_output
from spinlock.store.shards import read_origin

log = logging.getLogger(__name__)


def merge(folders: Sequence[Path], output: Path) -> Path:
    """Put the shards of several folders together; the same bytes in any order of the folders, and when done again.

    A shard that is in two folders counts once. The folders stay as they are.

    Args:
        folders: of shards, as `spinlock generate --shard i/n` leaves them.
        output: the data-set file.

    Raises:
        InputError: if a folder holds no shards of `spinlock generate`, if the folders were made from different
            configurations or by another version, if samples are missing, or if `output` is something else.
        ResourceError: if the disk has no room.
    """
    check_output(output, DATASET)
    origins = {folder: read_origin(folder) for folder in folders}
    first, origin = next(iter(origins.items()))
    for folder, other in origins.items():
        if other.fingerprint != origin.fingerprint:
            raise InputError(
                f"{folder} and {first} were made from different configurations or versions; merge folders of one."
            )
    try:
        config = config_of_data(origin.configuration, output_path=output)
    except ValidationError as error:
        raise InputError(f"{first} was made by another version of spinlock; merge it with that version.") from error
    if fingerprint_of(config) != origin.fingerprint:
        raise InputError(f"{first} was made by another version of spinlock; merge it with that version.")
    with claim_output(output, DATASET):
        if output.exists():
            check_target(output, origin.fingerprint)
            log.info("%s is already complete.", output)
            return output
        plan = plan_of(config)
        merge_shards(
            list(folders),
            output,
            description=description_of(recipe_of(config, plan), plan),
            num_samples=config.num_samples,
            fingerprint=origin.fingerprint,
        )
    return output
