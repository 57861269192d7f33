"""Damaged files of every kind, by the thousand, from a fixed seed: every reader must answer, with contents or with one sentence.

Each mutant is a sound file with a few bytes changed, taken out, doubled or put in, or with a number replaced by an extreme one.
Where a format has checksums they are computed anew, so that damage reaches the parsers behind. Readers run in a process of
their own with 2 GB of memory; one that does not answer within a minute of the clock is a hang, and so is one that takes more
than 10 seconds of processor time.

    python benchmarks/fuzz.py --mutants 20000 --keep /tmp/mutants --json
"""

import argparse
import copy
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from spinlock.config.generate import GenerateConfig
from spinlock.config.load import load_config, shipped_config
from spinlock.config.train import TrainConfig
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import SpinlockError
from spinlock.core.tokens import TokenTable
from spinlock.importers import open_rollouts
from spinlock.pipeline.inspect_file import inspect_file
from spinlock.store import guard
from spinlock.store.atomic import sha256_of_bytes
from spinlock.store.category_file import load_category_map
from spinlock.store.checkpoint_folder import load_latest_checkpoint, save_checkpoint
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_check import check_dataset
from spinlock.store.shards import Origin, read_origin, write_origin
from spinlock.store.token_file import load_tokens, save_tokens
from spinlock.training.estimator import Tokenizer

PATIENCE = 60.0
SLOW = 10.0
MEMORY = 2 * 2**30
STATES = np.random.default_rng(0).normal(size=(3, 2, 5, 1, 4, 4)).astype(np.float32)  # n m t c h w

Answer = str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of file: how a sound one is made in a folder, which of its files is damaged, and who reads it."""

    make: Callable[[Path], Path]
    readers: tuple[Callable[[Path], object], ...]
    damaged: str = ""
    """The file inside the folder; the path itself where nothing is given."""
    needs: str = ""


@dataclass(kw_only=True)
class Tally:
    """What the mutants of one kind did."""

    answers: Counter = field(default_factory=Counter)
    worst: list[str] = field(default_factory=list)
    slowest: float = 0.0


def rollouts(path: Path, **options: Any) -> None:
    source = open_rollouts(path, **options)
    for sample in range(min(len(source), 3)):
        source[sample]


def arrays_of(**options: Any) -> Callable[[Path], None]:
    return lambda path: rollouts(path, axes="nmtchw", **options)


def hdf5(path: Path, **settings: Any) -> Path:
    with h5py.File(path, "w", **settings) as file:
        file.create_dataset("runs/u", data=STATES, chunks=(1, 2, 5, 1, 4, 4), compression="gzip", shuffle=True)
        file.create_dataset("runs/v", data=STATES, chunks=(1, 2, 5, 1, 4, 4), compression="lzf", fletcher32=True)
        file["runs/u"].attrs["units"] = "m/s"
        file["draw"] = np.arange(6)
    return path


def well(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs.update({"n_trajectories": 3, "dataset_name": "x", "grid_type": "cartesian"})
        file.attrs["simulation_parameters"] = ["nu"]
        file["scalars/nu"] = 0.5
        dims = file.create_group("dimensions")
        dims.attrs["spatial_dims"] = ["x", "y"]
        for name, values in {"time": np.arange(5.0), "x": np.arange(4.0), "y": np.arange(4.0)}.items():
            dims[name] = values.astype("f4")
        file["boundary_conditions/x_periodic/mask"] = np.ones(4, bool)
        fields = file.create_group("t0_fields")
        fields.attrs["field_names"] = ["u"]
        fields["u"] = STATES[:, 0, :, 0]
        fields["u"].attrs.update({"dim_varying": [True, True], "sample_varying": True, "time_varying": True})
        for rank in (1, 2):
            file.create_group(f"t{rank}_fields").attrs["field_names"] = np.array([], dtype="S1")
    return path


def pdebench(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["tensor"] = STATES[:, 0, :, 0]
        file["t-coordinate"], file["x-coordinate"] = np.arange(6.0), np.arange(4.0)
        file["y-coordinate"] = np.arange(4.0)
    return path


def zarr(path: Path, **settings: Any) -> Path:
    import zarr as package  # noqa: PLC0415

    package.create_array(str(path), shape=STATES.shape, dtype="f4", **settings)[:] = STATES
    return path


def tokens(path: Path) -> Path:
    made = TokenTable(
        codes=torch.arange(24).reshape(6, 2, 2) % 4,
        category_names=("spatial", "temporal"),
        codebook_sizes=torch.tensor([[4, 4], [4, 4]]),
        ids=tuple(map(str, range(6))),
        groups=tuple("aabbcc"),
        distances=torch.rand(6),
        out_of_corpus=torch.zeros(6, dtype=torch.bool),
    )
    save_tokens(made, path)
    return path


def written(make: Callable[[Path], object]) -> Callable[[Path], Path]:
    def made(path: Path) -> Path:
        make(path)
        return path

    return made


def category_map(path: Path) -> None:
    made = CategoryMap(group_indices={"a": (0, 2), "b": (1,)}, feature_names=("x", "y", "z"))
    path.write_text(made.to_json())


def yaml(name: str) -> Callable[[Path], Path]:
    return written(lambda path: path.write_text(shipped_config(name).read_text()))


def tokenizer(path: Path) -> None:
    table = np.random.default_rng(1).normal(size=(80, 6)).astype(np.float32)
    Tokenizer(backend="classical", num_epochs=1).fit(table).save_pretrained(path)


def checkpoint(path: Path) -> None:
    save_checkpoint(path, step=1, tensors={"model.w": torch.zeros(3)}, state={"settings": {}, "epoch": 1})


def dataset(path: Path) -> None:
    from spinlock.pipeline.generate import generate  # noqa: PLC0415

    overrides = ("num_samples=4", "num_timesteps=8", "grid_size=8", "systems=[gray_scott, diffusion]")
    more = ("storage.workers=1", "storage.keep_states=float16", f"output_path={path}")
    generate(load_config(shipped_config("generate/tiny.yaml"), GenerateConfig, overrides=(*overrides, *more)))


def whole(path: Path) -> None:
    with open_dataset(path) as opened:
        check_dataset(opened, contents=True)


def described(path: Path) -> None:
    with open_dataset(path) as opened:
        for _ in opened.view().blocks():
            pass
        opened.rollout(0)


def judged(path: Path) -> None:
    from spinlock.pipeline.dataset_report import dataset_report  # noqa: PLC0415

    dataset_report(path, path.with_suffix(".page.html"))


KINDS: dict[str, Kind] = {
    "YAML generate": Kind(make=yaml("generate/demo.yaml"), readers=(lambda p: load_config(p, GenerateConfig),)),
    "YAML train": Kind(make=yaml("vqvae/demo.yaml"), readers=(lambda p: load_config(p, TrainConfig),)),
    "category map .json": Kind(
        make=written(category_map), readers=(inspect_file, lambda p: load_category_map(p, names=("x", "y", "z")))
    ),
    "tokens .csv": Kind(make=tokens, readers=(inspect_file, load_tokens)),
    "tokens .h5": Kind(make=tokens, readers=(inspect_file, load_tokens)),
    "tokens .parquet": Kind(make=tokens, readers=(inspect_file, load_tokens), needs="pyarrow"),
    "array .npy": Kind(make=written(lambda p: np.save(p, STATES)), readers=(inspect_file, arrays_of())),
    "arrays .npz": Kind(
        make=written(lambda p: np.savez_compressed(p, u=STATES)), readers=(inspect_file, arrays_of(dataset_key="u"))
    ),
    "arrays .h5": Kind(make=hdf5, readers=(inspect_file, arrays_of(dataset_key="runs/*", group_key="draw"))),
    "arrays, latest format .h5": Kind(
        make=lambda p: hdf5(p, libver="latest"), readers=(inspect_file, arrays_of(dataset_key="runs/*"))
    ),
    "The Well .h5": Kind(make=well, readers=(inspect_file, rollouts)),
    "PDEBench .h5": Kind(make=pdebench, readers=(inspect_file, rollouts)),
    "Zarr 2 .zarr": Kind(
        make=lambda p: zarr(p, chunks=STATES.shape, zarr_format=2), readers=(arrays_of(),), damaged="*", needs="zarr"
    ),
    "Zarr 3 .zarr": Kind(
        make=lambda p: zarr(p, chunks=STATES.shape), readers=(arrays_of(),), damaged="*", needs="zarr"
    ),
    "Zarr 3, shards .zarr": Kind(
        make=lambda p: zarr(p, chunks=(1, *STATES.shape[1:]), shards=STATES.shape),
        readers=(arrays_of(),),
        damaged="*",
        needs="zarr",
    ),
    "data set .h5": Kind(make=written(dataset), readers=(inspect_file, whole, described, judged)),
    "tokenizer, tokenizer.json": Kind(
        make=written(tokenizer), readers=(inspect_file, Tokenizer.from_pretrained), damaged="tokenizer.json"
    ),
    "tokenizer, training.json": Kind(
        make=written(tokenizer), readers=(inspect_file, Tokenizer.from_pretrained), damaged="training.json"
    ),
    "tokenizer, weights": Kind(
        make=written(tokenizer), readers=(inspect_file, Tokenizer.from_pretrained), damaged="weights.safetensors"
    ),
    "tokenizer, manifest as it is": Kind(
        make=written(tokenizer), readers=(inspect_file, Tokenizer.from_pretrained), damaged="manifest.json"
    ),
    "checkpoint, state.json": Kind(
        make=written(checkpoint), readers=(load_latest_checkpoint,), damaged="step-000000001/state.json"
    ),
    "checkpoint, tensors": Kind(
        make=written(checkpoint), readers=(load_latest_checkpoint,), damaged="step-000000001/tensors.safetensors"
    ),
    "shards' origin.json": Kind(
        make=written(lambda p: write_origin(p, Origin(configuration={}, fingerprint="f", num_samples=3))),
        readers=(read_origin,),
        damaged="origin.json",
    ),
}


def mutated(data: bytes, draw: random.Random) -> bytes:
    """A few changes anywhere; texts are hit at their words and numbers too, JSON mostly at whole values."""
    out = bytearray(data)
    if data[:1] in b"{[" and draw.random() < 0.7:
        return _other_json(data, draw)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        place = draw.randrange(len(out) + 1)
        change = draw.randrange(8)
        if change == 0 and out:
            out[place % len(out)] ^= 1 << draw.randrange(8)
        elif change == 1 and out:
            out[place % len(out)] = draw.choice((0, 255, 127, 128, draw.randrange(256)))
        elif change == 2:
            del out[place : place + draw.choice((1, 2, 8, 64, len(out)))]
        elif change == 3:
            out[place:place] = draw.randbytes(draw.choice((1, 4, 16)))
        elif change == 4:
            start = draw.randrange(len(out) + 1)
            out[place:place] = out[start : start + draw.choice((1, 8, 64, 512))]
        elif change == 5:
            width = draw.choice((1, 2, 4, 8))
            extreme = draw.choice((0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1), 2 ** (8 * width - 1) - 1))
            out[place : place + width] = extreme.to_bytes(width, "little")
        else:
            words = list(re.finditer(rb'-?\d+(?:\.\d+)?|"[^"]{0,40}"|[\[\]{}:,]', bytes(out)))
            if words:
                word = draw.choice(words)
                out[word.start() : word.end()] = draw.choice(EXTREMES)
    return bytes(out)


def _other_json(data: bytes, draw: random.Random) -> bytes:
    """JSON that is well-formed, with one or two values of another kind, taken out, or put in."""
    try:
        value = json.loads(data)
    except ValueError:
        return data
    for _ in range(draw.choice((1, 1, 2))):
        places = list(_places(value))
        if not places:
            break
        around, key = draw.choice(places)
        change = draw.randrange(4)
        if change == 0:
            del around[key]
        elif change == 1 and isinstance(around, dict):
            around[draw.choice(("", "x", "\x1b[2J", "=a", "$float"))] = around.pop(key)
        else:
            around[key] = copy.deepcopy(draw.choice(VALUES))
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in lists and objects of a value, 2000 at most."""
    waiting, found = [value], 0
    for around in waiting:
        keys = around.keys() if isinstance(around, dict) else range(len(around)) if isinstance(around, list) else ()
        for key in keys:
            found += 1
            if found > 2000:
                return
            yield around, key
            waiting.append(around[key])


VALUES = (
    None, True, 0, -1, 1.5, 1e300, 10**30, 10**400, "", "x", "\x1b]0;x\x07", "\ud800", [], {}, [[]], [1, 2], ["a", 3], {"a": {}},
    {"$float": "x"}, {"$float": "nan"}, "9" * 5000, [0] * 100,
)  # fmt: skip
EXTREMES = (
    b"0", b"-1", b"1e999", b"9" * 400, b"2147483648", b"18446744073709551616", b"null", b"true", b"[]", b"{}", b'""',
    b'"\\ud800"', b"[" * 300, b"NaN", b'{"$float": "x"}', b"[[0, 1], [2]]", b'"x"', b"", b",", b"0.5", b"\xff", b"\x1b[2J",
)  # fmt: skip


def with_checksums(folder: Path) -> None:
    """The checksums of a folder's manifest computed anew."""
    for manifest in folder.rglob("manifest.json"):
        about = json.loads(manifest.read_text())
        about["sha256"] = {name: sha256_of_bytes((manifest.parent / name).read_bytes()) for name in about["sha256"]}
        manifest.write_text(json.dumps(about))


def damaged_files(root: Path, pattern: str) -> list[Path]:
    if not pattern:
        return [root]
    if pattern == "*":
        return sorted(path for path in root.rglob("*") if path.is_file())
    return [root / pattern]


def mutants(name: str, sound: Path, folder: Path, *, seed: int, count: int) -> Iterator[Path]:
    """Mutants of a sound file, one after the other in the same place."""
    kind = KINDS[name]
    draw = random.Random(f"{seed} {name}")
    files = [path.relative_to(sound) for path in damaged_files(sound, kind.damaged)]
    for number in range(count):
        target = folder / f"{number}{sound.suffix}"
        if sound.is_dir():
            shutil.copytree(sound, target)
        else:
            shutil.copy(sound, target)
        inside = target / draw.choice(files)
        inside.write_bytes(mutated(inside.read_bytes(), draw))
        if "as it is" not in name and sound.is_dir():
            with_checksums(target)
        yield target
        shutil.rmtree(target) if target.is_dir() else target.unlink()


def answer(kind: Kind, path: Path) -> tuple[Answer, str]:
    """What the readers of a kind say to a file: "ok", "partly", "refused" or "traceback", and the traceback."""
    said = []
    for read in kind.readers:
        try:
            read(path)
            said.append("ok")
        except SpinlockError as error:
            said.append("refused" if str(error) else "traceback")
        except Exception:  # noqa: BLE001  this is what is looked for
            return "traceback", traceback.format_exc()
    return (said[0] if len(set(said)) == 1 else "partly"), ""


def _reader(name: str, pipe: Any) -> None:
    """A process that answers for one path after the other."""
    torch.set_num_threads(1)
    in_use = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (in_use + MEMORY, resource.RLIM_INFINITY))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    while (path := pipe.recv()) is not None:
        before = time.process_time()
        try:
            found = answer(KINDS[name], path)
        except MemoryError:
            found = "memory", ""
        pipe.send((*found, time.process_time() - before))
    guard.end()
    peaks = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    pipe.send(peaks)


class Reader:
    """The process of readers, started anew when it died or hung."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._start()

    def _start(self) -> None:
        self._pipe, far = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(target=_reader, args=(self.name, far), daemon=True)
        self._process.start()
        far.close()

    def answer(self, path: Path) -> tuple[Answer, str, float]:
        """The answer to a file; "hang" or "signal" where there is none."""
        self._pipe.send(path)
        try:
            if self._pipe.poll(PATIENCE):
                said, what, seconds = self._pipe.recv()
                return ("hang" if seconds > SLOW else said), what, seconds
            said = "hang"
        except EOFError:
            said = "signal"
        self._process.kill()
        self._process.join()
        what = f"exit code {self._process.exitcode}"
        self._start()
        return said, what, PATIENCE if said == "hang" else 0.0

    def end(self) -> list[int]:
        """Ends the process; peak memory of it and of its children, MB."""
        self._pipe.send(None)
        return self._pipe.recv() if self._pipe.poll(PATIENCE) else [0, 0]


def fuzz(name: str, *, seed: int, count: int, keep: Path | None = None) -> tuple[Tally, list[int]]:
    """What the readers of a kind say to `count` mutants, and the peak memory of reading process and child in MB.

    Args:
        name: of the kind.
        seed: of the mutants.
        count: of the mutants.
        keep: a folder for those that ended in anything but contents or a sentence.
    """
    tally = Tally()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sound = KINDS[name].make(folder / f"sound{name[name.rfind('.') :] if ' .' in name else ''}")
        said, what = answer(KINDS[name], sound)
        if said != "ok":
            raise SystemExit(f"the sound file of '{name}' is not read: {said} {what}")
        (folder / "mutants").mkdir()
        reader = Reader(name)
        for path in mutants(name, sound, folder / "mutants", seed=seed, count=count):
            said, what, seconds = reader.answer(path)
            tally.answers[said] += 1
            tally.slowest = max(tally.slowest, seconds)
            if said in ("traceback", "signal", "hang", "memory"):
                tally.worst.append(f"{name} {path.name}: {said} {what.strip().splitlines()[-1] if what else ''}")
                if keep is not None:
                    kept = keep / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}-{said}-{path.name}"
                    shutil.copytree(path, kept) if path.is_dir() else shutil.copy(path, kept)
                    kept.with_name(f"{kept.name}.txt").write_text(what)
        return tally, reader.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=20_000, help="of all kinds together")
    parser.add_argument("--kinds", default="", help="names of kinds that contain this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for mutants that went wrong")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    names = [name for name in KINDS if arguments.kinds in name]
    results: dict[str, Any] = {}
    for name in names:
        tally, peaks = fuzz(name, seed=arguments.seed, count=-(-arguments.mutants // len(names)), keep=arguments.keep)
        results[name] = {**tally.answers, "slowest_s": round(tally.slowest, 1), "peak_mb": peaks}
        print(json.dumps({name: results[name]}) if not arguments.json else "", flush=True, file=sys.stderr)
        for line in tally.worst[:20]:
            print(f"  {line}", flush=True, file=sys.stderr)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
