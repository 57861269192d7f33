"""Pages with everything, and with nothing, that a report can have."""

from dataclasses import replace

import numpy as np

from spinlock.core.repeatability import Replicates, SameToken
from spinlock.core.report import CoderFigures, ColumnTree, QuantizerUsage, Report, SplitFigures, TokenAgreement
from spinlock.plots import GalleryRollout, GalleryToken, Outside, Page
from spinlock.plots.cards import Range, RunCard, Spread, anchor_of
from spinlock.plots.marks import by_class, by_value
from spinlock.plots.run_map import Axis, MapRun, PhaseMap, RunMap

WAVES = np.sin(np.linspace(0, 6, 8) + np.linspace(0, 3, 8)[:, None] + np.arange(6)[:, None, None] * 0.3)


def usage(category, level, used, corrected):
    return QuantizerUsage(
        category=category,
        level=level,
        num_codes=4,
        rows_per_code=20.0,
        dead_codes=0,
        used_train=used,
        perplexity=3.0,
        used_held_out=0.5,
        corrected=corrected,
    )


def agreement(category, level, within, between):
    return TokenAgreement(
        category=category,
        level=level,
        num_samples=9,
        within=within,
        between=between,
        corrected=within,
        reproducible_bits=within,
        most_reproducible_bits=1.25,
        num_codes=4 if level == 0 else 2,
        num_tokens=4,
        num_detectors=3,
    )


REPLICATES = Replicates(
    num_samples=9,
    own_r2=(0.0, 0.6, 0.9),
    r2=(0.0, 0.7, 0.65),
    gain_errors=(0.02, 0.01),
    useful_levels=1,
    ceiling=0.75,
    column_noise={"x": 0.25, "y": 1.5},
    noise_by_aggregation={"mean": 0.25, "std": np.nan},
    num_columns=2,
    num_without_signal=1,
)
SAME_TOKENS = (
    SameToken(at="other realizations", level=0, num_pairs=18, same=0.85, chance=0.25),
    SameToken(at="a small step of the parameters", level=0, num_pairs=8, same=0.5, chance=0.25, step=0.125),
)


def figures(name, mse, **changes):
    values = {
        "num_samples": 5,
        "mse": mse,
        "r2": 0.8,
        "mse_by_level": (1.0, 2 * mse, mse),
        "level_gains": (0.5, 0.004),
        "category_mse": {name: (1.0, 0.5, 0.3), "b": (1.0, 0.4, 0.1)},
        "category_r2": {name: 0.7, "b": 0.9},
        "column_r2": {"x": 0.7, "y": 0.9},
        "usage": (
            usage(name, 0, 1.0, 1.02),
            usage(name, 1, 0.5, 0.4),
            usage("b", 0, 0.75, np.nan),
            usage("b", 1, 1.0, 0.9),
        ),
        "bits_by_level": (0.0, 3.0, 6.0),
        "entropy_bits_by_level": (0.0, 2.5, 5.5),
        "collisions": 0.25,
        "code_length_bits": 5.9,
    }
    return SplitFigures(**(values | changes))


BARE = Page(
    title="Bare",
    report=Report(
        splits={"test": figures("a", 0.2, replicates=Replicates(num_samples=0))},
        category_names=("a", "b"),
        codebook_sizes=((4, 2), (4, 2)),
        bits=6.0,
        backend="classical",
    ),
)


def card(name, run):
    spread = Spread(
        noun=f"height {name}", shares=(0.5, *[0.0] * 18, 0.25), middle=0.05, missing=0.25, why=f"flat {name}"
    )
    return GalleryToken(
        category=name,
        called=f"Shape {name}",
        level=0,
        code=3,
        num_samples=4,
        out_of=10,
        rollouts=(run, run),
        title=f"high peaks {name}",
        meaning=f"peaks not low {name}; flat",
        name=f"alps {name}",
        title_holds=0.75,
        title_f1=0.6,
        agreement=0.9,
        spreads=(spread, spread._replace(middle=np.nan, missing=1.0)),
        systems=((f"gray {name}", 0.5),),
        parameters=(Range(f"gray {name}", f"low feed {name}", ("0.1", "0.2"), ("0", "1")),),
        children=((2, 0.75), (5, 0.125)),
        num_children=4,
        sentence=f"Shape: high peaks {name}. Scales: few {name}.",
        typical=f"sample {name}",
    )


def runs_on_a_map(name, run):
    runs = (
        MapRun(f"system {name}", "sample 3", f"Rhythm: fast {name}. Shape: tall.", 0.0, 1.0, (3, 0), run),
        MapRun("other", "sample 4", "", 1.0, 0.0, (-1, 0), None),
    )
    of_word = by_class(
        ["3", ""], kind="Word", label=name, text=lambda _: f"peaks {name}", anchor=lambda _: anchor_of(name, 3)
    )
    return RunMap(
        runs=runs,
        num_runs=48,
        method="t-SNE of the embedding",
        categories=((anchor_of(name, 0)[:-1], f"Shape {name}"), (anchor_of("b", 0)[:-1], "B")),
        colourings=(
            of_word,
            by_class([run.system for run in runs], kind="Run", label="system"),
            by_value(np.array([0.5, 2.0]), kind=f"Parameter of {name}", label="feed"),
        ),
    )


def full(name="spatial", **changes):
    run = GalleryRollout(title=f"system_{name}", caption=f"sample {name}", frames=WAVES)
    judged = figures(
        name,
        0.2,
        orthogonality=float("nan"),
        informativeness=0.4,
        round_trip=0.875,
        out_of_corpus=0.0625,
        agreements=tuple(
            agreement(category, level, *shares)
            for category, level, *shares in (
                (name, 0, 0.9, 0.3),
                (name, 1, 0.5, 0.1),
                ("b", 0, 0.8, 0.2),
                ("b", 1, 0.4, np.nan),
            )
        ),
        replicates=REPLICATES,
        same_tokens=SAME_TOKENS,
    )
    report = Report(
        splits={"train": figures(name, 0.1), "validation": figures(name, 0.21), "test": replace(judged, **changes)},
        category_names=(name, "b"),
        codebook_sizes=((4, 2), (4, 2)),
        bits=6.0,
        baselines=(
            CoderFigures(name="column mean", bits=0.0, mse={"train": 1.0, "test": 1.1}),
            CoderFigures(name=f"k-means {name}", bits=6.0, mse={"train": 0.2, "validation": 0.26, "test": 0.25}),
        ),
        backend=name,
        backend_mse={name: 0.21, f"other {name}": 0.25},
        provenance={"seed": "7", name: name},
    )
    return Page(
        title=f"Tokens of {name}",
        report=report,
        runs=(
            RunCard(
                f"system {name}",
                "sample 3",
                f"Rhythm: fast {name}.",
                ((f"{name} 3", anchor_of(name, 3)),),
                7,
                True,
                run,
            ),
            RunCard("other", "sample 4", "", (), 1, False, None),
        ),
        num_runs=48,
        run_map=runs_on_a_map(name, run),
        phases=(
            PhaseMap(
                system=f"gray {name}",
                category=f"Shape {name}",
                across=Axis(f"feed_{name}", (0.01, 0.1, 1.0)),
                up=Axis("kill", (0.0, 1.0, 0.5)),
                colouring=by_class(["3", "3", ""], kind="Word", label="Shape", text=lambda _: f"high peaks {name}"),
                same=0.75,
                chance=0.25,
            ),
        ),
        num_systems=2,
        of=f"{name}.h5",
        outside=Outside(3, 48),
        curves={f"train_{name}": [(0, 1.0), (1, 0.5)]},
        gallery=(card(name, run), GalleryToken(category="b", level=0, code=0, num_samples=0, out_of=10, rollouts=())),
        judged=f"12 rows of {name}",
        rollouts=(run,),
        tree=ColumnTree(
            linkage=((0.0, 1.0, 0.2, 2.0),), leaves=(name, "b"), groups=(0, 1), stability=0.9, scores={2: 0.5}
        ),
    )
