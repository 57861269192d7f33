"""Is a flipped bit found? Single bits of data sets, token files and category maps, at random places with a fixed seed.

Each damaged file is read in a process of its own. A flip is found where the file is refused in a sentence, or `validate` names a
problem; harmless where every value, name and attribute is as before (unused bytes, a trailing space in JSON); otherwise it is
silent, and a crash or more than ten seconds are counted apart.

    python benchmarks/flips.py [--flips 500] [--seed 0] [--json]
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from spinlock import Tokenizer
from spinlock.config import GenerateConfig, load_config
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import SpinlockError
from spinlock.pipeline.generate import generate
from spinlock.store.category_file import load_category_map, save_category_map
from spinlock.store.checksums import attributes_of, description_sha256
from spinlock.store.dataset import content_sha256, open_dataset
from spinlock.store.dataset_check import check_dataset
from spinlock.store.dataset_paths import DESCRIBED
from spinlock.store.token_file import load_tokens, save_tokens, tokens_sha256

TINY = Path(__file__).parents[1] / "configs" / "generate" / "tiny.yaml"
SECONDS = 10
OUTCOMES = ("found", "harmless", "silent", "traceback", "crash", "hang")


def read_dataset(path: Path) -> str:
    """Everything that a data set says, as one word; whatever is wrong is an error."""
    with open_dataset(path) as dataset:
        if problems := check_dataset(dataset, contents=True):
            raise SpinlockError(problems[0])
        return content_sha256(dataset) + description_sha256(attributes_of(dataset.file, DESCRIBED))


def read_tokens(path: Path) -> str:
    return tokens_sha256(load_tokens(path))


def read_map(path: Path) -> str:
    return load_category_map(path).to_json()


def outcome(read: Callable[[Path], str], path: Path, whole: str) -> str:
    """What becomes of a damaged file, read in a child."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        try:
            os._exit(1 if read(path) == whole else 2)
        except SpinlockError:
            os._exit(0)
        except BaseException:  # noqa: BLE001  a traceback, which a user would see
            os._exit(3)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "hang" if os.WTERMSIG(status) == signal.SIGALRM else "crash"
    return OUTCOMES[os.WEXITSTATUS(status)]


def make_files(folder: Path) -> dict[Path, Callable[[Path], str]]:
    """One file of each kind, and how it is read."""
    overrides = (
        f"output_path={folder / 'd.h5'}",
        "num_samples=24",
        "storage.workers=1",
        "systems=[diffusion, burgers]",
    )
    dataset = generate(load_config(TINY, GenerateConfig, overrides=overrides))
    with open_dataset(dataset) as opened:
        table = opened.feature_table()
    tokens = Tokenizer([(4, 8), (4, 8)], backend="classical").fit(table).encode(table)
    files: dict[Path, Callable[[Path], str]] = {dataset: read_dataset}
    for ending in ("csv", "h5", "parquet"):
        save_tokens(tokens, folder / f"tokens.{ending}")
        files[folder / f"tokens.{ending}"] = read_tokens
    save_category_map(CategoryMap.from_registry(table.registry), folder / "map.json")
    return files | {folder / "map.json": read_map}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for path, read in make_files(Path(folder)).items():
            chance, whole, data = random.Random(asked.seed), read(path), path.read_bytes()
            damaged = path.with_stem(f"damaged_{path.stem}")
            counts: Counter[str] = Counter()
            for _ in range(asked.flips):
                bits = bytearray(data)
                bits[chance.randrange(len(bits))] ^= 1 << chance.randrange(8)
                damaged.write_bytes(bits)
                counts[outcome(read, damaged, whole)] += 1
            found[path.name] = {"bytes": len(data)} | {name: counts[name] for name in OUTCOMES}
            if not asked.json:
                print(f"{path.name:16}", *(f"{name} {count}" for name, count in found[path.name].items()), flush=True)
    if asked.json:
        print(json.dumps(found, indent=1))
    return int(any(counts[name] for counts in found.values() for name in ("silent", "traceback", "crash", "hang")))


if __name__ == "__main__":
    sys.exit(main())
