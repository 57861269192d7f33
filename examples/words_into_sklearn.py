"""Words as features of a scikit-learn pipeline: which system made a run, from six words about it.

python examples/words_into_sklearn.py [picture.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

import spinlock

SYSTEMS = ("gray_scott", "swift_hohenberg", "wave", "burgers", "life_like_automaton", "navier_stokes_decaying")


def main(picture: Path) -> None:
    """Cross-validate with draws of parameters kept together, and print the words that count most."""
    table = spinlock.extract_features(spinlock.datasets.load_demo(72, systems=SYSTEMS, num_realizations=1))
    system = np.array(table.facts["system"])
    shipped = spinlock.Tokenizer.from_pretrained("behaviour-1")
    words = spinlock.TokenFeatures(shipped, prefit=True, num_levels=1)  # the coarse token of each category, one-hot
    pipeline = make_pipeline(words, LogisticRegression(max_iter=1000))
    frame = table.to_pandas()[list(table.names)]

    guessed = cross_val_predict(pipeline, frame, system, groups=table.groups, cv=GroupKFold(5))
    print(f"right for {np.mean(guessed == system):.2f} of {len(system)} runs; by chance {1 / len(SYSTEMS):.2f}")

    model = pipeline.fit(frame, system)[-1]
    names = pipeline[0].get_feature_names_out()
    title = {f"{word.category}__level0__token{word.token}": word.title for word in shipped.definitions()}
    for place, name in enumerate(model.classes_):
        best = np.argsort(-model.coef_[place], kind="stable")[:2]
        print(f"{name}: " + "; ".join(f"{names[column].split('__')[0]}: {title[names[column]]}" for column in best))

    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(system, guessed, ax=axis, xticks_rotation=40, cmap="Blues", colorbar=False)
    figure.savefig(picture, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "words_into_sklearn.png"))
