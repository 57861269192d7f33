"""Tokens of the corpus by a tokenizer that was trained on spinlock's own data only and then frozen; one .npz a number of levels.

    python benchmarks/transfer/encode.py --corpus runs/transfer/corpus.h5 --train datasets/diverse_10k.h5

Needs `features.h5`, which `describe.py --by spinlock` leaves beside the corpus. What is written are the standardised columns that the
tokens stand for, a function of the tokens alone, and how many bits these are. One codebook of 16 tokens a category and level. The
films have one realization, one channel and no step operator, so the category operator_sensitivity is absent and costs no bits.
"""

import argparse
import math
from pathlib import Path

import numpy as np

import spinlock
from spinlock.core.threads import one_thread
from spinlock.pipeline.tables import load_table
from spinlock.training.token_features import TokenFeatures

LEVELS = ((32, 16), (16, 16), (8, 16))
NAMES = ("coarse", "coarse_medium", "all_levels")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("runs/transfer/corpus.h5"))
    parser.add_argument("--train", type=Path, default=Path("datasets/diverse_10k.h5"))
    parser.add_argument("--backend", default="predictive")
    arguments = parser.parse_args()
    own, films = load_table(arguments.train).table, load_table(arguments.corpus.with_name("features.h5")).table
    with one_thread():
        tokenizer = spinlock.Tokenizer(levels=LEVELS, backend=arguments.backend).fit(own)
        tokens = tokenizer.encode(films)
    present = (tokens.codes >= 0).all(0)  # (category, level)
    bits = np.log2(tokens.codebook_sizes.numpy()) * present.numpy()
    print(
        f"trained on {len(own)} rows of {arguments.train}; out of corpus: {int(tokens.out_of_corpus.sum())} of {len(films)}"
    )
    for number, name in enumerate(NAMES, start=1):
        values = TokenFeatures(tokenizer, output="decoded", num_levels=number, prefit=True).fit(films).transform(films)
        distinct = len(np.unique(tokens.codes[:, :, :number].flatten(1).numpy(), axis=0))
        spent = float(bits[:, :number].sum())
        names = np.array(films.names)
        np.savez(arguments.corpus.with_name(f"{name}.npz"), values=values, names=names, bits=spent)
        print(
            f"{name}: {spent:.0f} bits, {distinct} distinct of {len(films)}, {math.log2(distinct):.1f} bits of them used"
        )


if __name__ == "__main__":
    main()
