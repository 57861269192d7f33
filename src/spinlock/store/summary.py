"""What a file or folder of spinlock is and holds, in a fraction of a second: no torch, no data read."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import InputError, listed, reading_errors
from spinlock.store.atomic import AnyPath, human_size
from spinlock.store.dataset_paths import ARRAYS, FAMILY_LINK, FORMAT, family_path
from spinlock.store.formats import ParquetRows, array_shapes
from spinlock.store.guard import guarded
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded
from spinlock.store.json_file import bounded_lines, parse_json, read_json, read_text
from spinlock.store.manifest import MANIFEST

_CSV_SIZES = "# codebook_sizes: "
MOST_ROWS_COUNTED = 1_000_000
WORD_NAMES = "word_names.json"
"""Beside a tokenizer: what `word_names` writes; here by its name alone, as nothing is read for a summary that takes time."""
_COARSE = {
    "words": "words; what they mean: spinlock words --tokenizer …",
    "codebook": "codes of a codebook; what is typical of them: spinlock words --tokenizer … --input …",
}


def summarize(path: AnyPath) -> dict[str, Any]:
    """The kind of an artefact and its main figures, as plain values for printing.

    Known are data sets, shard folders, tokenizer and checkpoint folders, token files, category maps, `.npy` arrays and any
    other HDF5 file, whose names are listed.

    Raises:
        InputError: if it is none of these, or damaged.
    """
    path = Path(path)
    with reading_errors(path):
        return _summary(path)


def _summary(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise InputError(f"{path} does not exist.")
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise InputError(f"{path} is not a plain file.")
    about = {"path": str(path), "size": human_size(path.stat().st_size)}
    ending = path.suffix.lower()
    if ending == ".json":
        return about | _category_map(path)
    if ending == ".csv":
        return about | _csv_tokens(path)
    if ending == ".parquet":
        return about | _parquet_tokens(path)
    if ending in (".npy", ".npz"):
        return about | {"kind": "arrays", "arrays": array_shapes(path)}
    with open_guarded(path, expected="a file of spinlock") as file:
        return about | _hdf5(file)


def _hdf5(file: GuardedFile) -> dict[str, Any]:
    if file.text("/metadata", "format") == FORMAT:
        return _dataset(file)
    sizes = file.text("/tokens", "codebook_sizes")
    if sizes is not None:
        rows = file.numbers("/tokens/codes").shape[0]
        return {"kind": "tokens", "rows": rows, "codebook_sizes": parse_json(sizes, path=file.path)}
    return {"kind": "HDF5 file", "names": {name: _shape(file, f"/{name}") for name in file.names()[:24]}}


def _shape(file: GuardedFile, name: str) -> str:
    try:
        if file.kind(name) == "group":
            return f"group of {len(file.names(name))}"
        return " x ".join(map(str, file.numbers(name).shape)) or "one number"
    except InputError:
        return "not readable as numbers"


def _dataset(file: GuardedFile) -> dict[str, Any]:
    """The figures of a data set."""
    about: dict[str, Any] = {"kind": "data set"}
    for name in ("created", "content_sha256"):
        about[name] = file.text("/metadata", name)
    for name in ("format_version", "num_samples", "num_realizations", "num_timesteps", "seed"):
        values = file.attribute_numbers("/metadata", name)
        about[name] = None if values is None or values.size != 1 else int(values.reshape(-1)[0])
    inputs = file.numbers(ARRAYS["inputs"].path).shape
    about["grid"] = " x ".join(map(str, inputs[2:]))
    about["channels"] = inputs[1]
    about["states"] = "kept" if file.kind(ARRAYS["outputs"].path) else "not kept"
    systems = file.words(ARRAYS["system"].path)
    about["systems"] = dict(Counter(systems).most_common())
    groups = file.numbers(ARRAYS["group"].path)
    if len(groups) <= MOST_ROWS_COUNTED:
        about["groups"] = len(np.unique(groups.read()))
        valid = file.numbers(ARRAYS["valid"].path).read()
        about["realizations_diverged"] = int((valid == 0).sum())
    about["features"] = {name: _family(file, name) for name in file.names("/features") if name != FAMILY_LINK}
    return about


def _family(file: GuardedFile, family: str) -> dict[str, Any]:
    group = family_path(family)
    text = file.text(group, "feature_registry")
    registry = parse_json(text, path=file.path) if text is not None else {}
    entries = registry.get("features", []) if isinstance(registry, dict) else []
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    columns = file.kind(f"{group}/aggregated/features") == "dataset"
    return {
        "version": registry.get("version") if isinstance(registry, dict) else None,
        "features": len(entries),
        "aggregated_columns": file.numbers(f"{group}/aggregated/features").shape[-1] if columns else 0,
        "categories": dict(Counter(str(entry.get("category")) for entry in entries)),
    }


def _folder(path: Path) -> dict[str, Any]:
    about: dict[str, Any] = {"path": str(path)}
    if (path / MANIFEST).is_file():
        manifest = read_json(path / MANIFEST)
        kind = str(manifest.get("format", "")).removeprefix("spinlock ") if isinstance(manifest, dict) else ""
        if kind not in ("tokenizer", "checkpoint"):
            raise InputError(f"{path / MANIFEST} is not the manifest of a tokenizer or a checkpoint.")
        about |= {
            "kind": kind,
            "size": human_size(sum(entry.stat().st_size for entry in path.iterdir() if entry.is_file())),
        }
        if kind == "tokenizer":
            about |= _tokenizer(read_json(path / "tokenizer.json"))
            if (path / WORD_NAMES).is_file():
                about["named_words"] = _word_names(read_json(path / WORD_NAMES))
        return about
    steps = sorted(entry.name for entry in path.glob("step-*") if entry.is_dir())
    if steps:
        latest = read_text(path / "LATEST").strip() if (path / "LATEST").is_file() else None
        return about | {"kind": "checkpoints", "steps": steps, "latest": latest}
    shards = sorted(path.glob("shard-*.h5"))
    if shards:
        complete = sum(shard.with_name(f"{shard.name}.json").is_file() for shard in shards)
        return about | {"kind": "shards of a data set in the making", "shards": len(shards), "with_checksum": complete}
    found = sorted(entry.name for entry in path.iterdir())
    raise InputError(f"{path} is no folder of spinlock; it holds {listed(found) or 'nothing'}.")


def _tokenizer(description: Any) -> dict[str, Any]:
    """The main facts of a tokenizer, as far as its description has them."""

    def found(*path: str) -> Any:
        value = description
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    groups, sizes = found("category_map", "group_indices"), found("provenance", "codebook_sizes", "tokens")
    about: dict[str, Any] = {"backend": found("backend")}
    if isinstance(groups, dict) and isinstance(sizes, list) and len(sizes) == len(groups):
        about["categories"] = [
            {"category": name, "columns": len(columns), "codes_by_level": " ".join(map(str, row))}
            for (name, columns), row in zip(groups.items(), sizes, strict=True)
        ]
    about["coarse_tokens"] = _COARSE.get(str(found("provenance", "model", "coarse")))
    about["rows_fitted_to"] = found("provenance", "num_fitted")
    about["registry_version"] = found("registry", "version")
    return {name: value for name, value in about.items() if value is not None}


def _word_names(content: Any) -> dict[str, str]:
    """Word → its name, as far as a file has them."""
    by_category = content.get("names") if isinstance(content, dict) else None
    entries = by_category.items() if isinstance(by_category, dict) else ()
    return {
        f"{category} {token}": str(name)
        for category, names in entries
        for token, name in (names.items() if isinstance(names, dict) else ())
    }


def _category_map(path: Path) -> dict[str, Any]:
    data = read_json(path)
    groups = data.get("group_indices", data) if isinstance(data, dict) else None
    if not isinstance(groups, dict) or not groups or not all(isinstance(columns, list) for columns in groups.values()):
        raise InputError(
            f"{path} is JSON, and no category map; its names are {listed(data) if isinstance(data, dict) else 'none'}."
        )
    about: dict[str, Any] = {
        "kind": "category map",
        "categories": {name: len(columns) for name, columns in groups.items()},
    }
    if "group_indices" in data:
        about["registry_version"] = data.get("registry_version")
    return about


def _csv_tokens(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = bounded_lines(file, path)
        head = [next(lines, "") for _ in range(3)]
        rows = sum(1 for _ in lines)
    if not head[1].startswith(_CSV_SIZES):
        raise InputError(f"{path} is no token file: its second line must begin with '{_CSV_SIZES}'.")
    return {"kind": "tokens", "rows": rows, "codebook_sizes": parse_json(head[1].removeprefix(_CSV_SIZES), path=path)}


def _parquet_tokens(path: Path) -> dict[str, Any]:
    with guarded(ParquetRows, path) as file:
        about = file.about()
    sizes = about["texts"].get("codebook_sizes")
    if sizes is None:
        raise InputError(f"{path} is a Parquet file and no token file: it has no `codebook_sizes` in its metadata.")
    return {"kind": "tokens", "rows": about["rows"], "codebook_sizes": parse_json(sizes, path=path)}
