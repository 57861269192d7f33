"""Forests of randomised trees: from places in parameter space to the probabilities of labels."""

import numpy as np
from jaxtyping import Float, Int
from sklearn.ensemble import ExtraTreesClassifier

from spinlock.core.seeds import key_of

NUM_TREES = 300


def fit_forest(
    inputs: Float[np.ndarray, "row input"],
    labels: Int[np.ndarray, "row output"],
    *,
    seed: int,
    min_rows: int = 1,
    num_trees: int = NUM_TREES,
    share: float | None = None,
) -> ExtraTreesClassifier:
    """Extremely randomised trees for all outputs at once: the same forest for the same rows and seed.

    Source: Geurts, Ernst and Wehenkel 2006, Mach. Learn. 63, 3.

    Args:
        inputs: finite.
        labels: from 0 on.
        seed: of the trees.
        min_rows: in a leaf.
        num_trees: more is never worse, and takes longer.
        share: of the inputs that a split looks at; their root where nothing is said.
    """
    forest = ExtraTreesClassifier(
        n_estimators=num_trees,
        min_samples_leaf=min_rows,
        max_features="sqrt" if share is None else share,  # pyright: ignore[reportArgumentType] a share is documented
        random_state=key_of(seed, "forest") % 2**32,
        n_jobs=1,
    )
    return forest.fit(inputs, labels[:, 0] if labels.shape[1] == 1 else labels)


def probabilities(
    forest: ExtraTreesClassifier, inputs: Float[np.ndarray, "row input"], sizes: tuple[int, ...]
) -> list[Float[np.ndarray, "row _"]]:
    """For every output the probability of each of its labels; 0 for those that the forest never saw.

    Args:
        forest: fitted to as many outputs as there are sizes.
        inputs: finite.
        sizes: labels of each output.
    """
    several = len(sizes) > 1
    given = forest.predict_proba(inputs)
    found = []
    for output, size in enumerate(sizes):
        full = np.zeros((len(inputs), size))
        full[:, forest.classes_[output] if several else forest.classes_] = given[output] if several else given
        found.append(full)
    return found
