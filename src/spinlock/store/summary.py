"""What a file is and what it holds, from its description alone: no data is read, and torch is not loaded."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError, listed
from spinlock.store.atomic import human_size
from spinlock.store.dataset_paths import AGGREGATED, ARRAYS, FORMAT
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded
from spinlock.store.json_file import parse_json, read_json
from spinlock.store.manifest import MANIFEST, json_of, read_verified

Summary = dict[str, Any]
KNOWN = "data sets and tokens (.h5), tokens (.csv, .parquet), tokenizer and checkpoint folders, category maps and reports (.json)"
_CSV_SIZES = "# codebook_sizes: "


def summarize(path: Path) -> Summary:
    """The kind of a file or folder that spinlock writes, and its facts.

    Raises:
        InputError: if it is none, or is damaged.
    """
    if path.is_dir():
        return _folder(path)
    readers: dict[str, Callable[[Path], Summary]] = {
        ".h5": _hdf5,
        ".hdf5": _hdf5,
        ".csv": _csv_tokens,
        ".parquet": _parquet_tokens,
        ".json": _json,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} is nothing that spinlock writes; it knows {KNOWN}.")
    return {**reader(path), "size": human_size(path.stat().st_size)}


def _hdf5(path: Path) -> Summary:
    with open_guarded(path, expected="a data set or tokens (HDF5)") as file:
        sizes = file.text("/tokens", "codebook_sizes")
        if sizes is not None:
            rows = file.numbers("/tokens/codes").shape[0]
            return {"kind": "tokens", **_codebooks(parse_json(sizes, path=path)), "samples": rows}
        if file.text("/metadata", "format") == FORMAT:
            return _dataset(file)
        return {"kind": "HDF5 file of others", "top_level": list(file.names("/"))}


def _dataset(file: GuardedFile) -> Summary:
    numbers = {
        name: int(values.reshape(-1)[0])
        for name in ("num_samples", "num_realizations", "num_timesteps", "seed")
        if (values := file.attribute_numbers("/metadata", name)) is not None
    }
    valid = file.numbers(ARRAYS["valid"].path).read()
    registry = parse_json(file.text("/features/sdf", "feature_registry") or "{}", path=file.path)
    shape = file.numbers(ARRAYS["inputs"].path).shape
    return {
        "kind": "data set",
        **numbers,
        "grid": f"{shape[2]} x {shape[3]}",
        "channels": f"up to {shape[1]}",
        "columns": file.numbers(AGGREGATED).shape[1],
        "features": len(registry.get("features", ())),
        "registry_version": registry.get("version", "unknown"),
        "families": list(file.names("/features")),
        "states_kept": file.kind(ARRAYS["outputs"].path) == "dataset",
        "diverged_realizations": int((valid == 0).sum()),
        "created": file.text("/metadata", "created"),
        "content_sha256": file.text("/metadata", "content_sha256"),
        "systems": dict(Counter(file.words(ARRAYS["system"].path))),
    }


def _codebooks(sizes: Any) -> Summary:
    if not isinstance(sizes, Mapping) or not all(isinstance(row, list) for row in sizes.values()):
        raise InputError("`codebook_sizes` must be {category: [size of each level]}.")
    return {"categories": list(sizes), "codebook_sizes": {name: listed(row, most=16) for name, row in sizes.items()}}


def _csv_tokens(path: Path) -> Summary:
    with path.open("rb") as file:
        title, sizes = (file.readline(1_000_000).decode(errors="replace") for _ in range(2))
        if not title.startswith("# spinlock tokens") or not sizes.startswith(_CSV_SIZES):
            raise InputError(f"{path} is a CSV file, but not one of spinlock's tokens.")
        rows = sum(1 for _ in file) - 1
    return {
        "kind": "tokens",
        **_codebooks(parse_json(sizes.removeprefix(_CSV_SIZES), path=path)),
        "samples": rows,
    }


def _parquet_tokens(path: Path) -> Summary:
    from spinlock.store.token_file import load_tokens  # noqa: PLC0415  it loads torch, which the others do without

    tokens = load_tokens(path)
    sizes = dict(zip(tokens.category_names, tokens.codebook_sizes.tolist(), strict=True))
    return {"kind": "tokens", **_codebooks(sizes), "samples": len(tokens.ids)}


def _json(path: Path) -> Summary:
    data = read_json(path)
    if isinstance(data, dict) and {"splits", "codebook_sizes", "bits"} <= data.keys():
        mse = {name: split.get("mse") for name, split in data["splits"].items()}
        return {"kind": "report", "backend": data.get("backend"), "bits": data["bits"], "mse": mse}
    groups = data.get("group_indices", data) if isinstance(data, dict) else None
    if isinstance(groups, dict) and groups and all(isinstance(columns, list) for columns in groups.values()):
        return {
            "kind": "category map",
            "registry_version": data.get("registry_version", "none: a bare map"),
            "columns": sum(map(len, groups.values())),
            "categories": {name: len(columns) for name, columns in groups.items()},
        }
    raise InputError(f"{path} is JSON, but neither a category map nor a report.")


def _folder(path: Path) -> Summary:
    if (path / "LATEST").is_file():
        return {"kind": "checkpoints", "steps": sorted(entry.name for entry in path.glob("step-*"))}
    if not (path / MANIFEST).is_file():
        raise InputError(f"{path} is a folder, but of no tokenizer or checkpoints; spinlock knows {KNOWN}.")
    kind = str(read_json(path / MANIFEST).get("format", "")).removeprefix("spinlock ")
    files = read_verified(path, kind=kind)
    if kind != "tokenizer":
        return {"kind": kind, "files": sorted(files)}
    tokenizer, training = (json_of(files, f"{name}.json", folder=path) for name in ("tokenizer", "training"))
    report = json.loads(files["report.json"]) if "report.json" in files else {}
    groups: Any = tokenizer.get("category_map", {})
    dataset: Any = training.get("dataset", {})
    return {
        "kind": "tokenizer",
        "backend": tokenizer.get("backend"),
        "bits": report.get("bits"),
        "categories": {name: len(columns) for name, columns in groups.get("group_indices", {}).items()},
        "columns": len(groups.get("feature_names", ())),
        "trained_on": dataset.get("path"),
        "mse": {name: split.get("mse") for name, split in report.get("splits", {}).items()},
        "files": sorted(files),
    }
