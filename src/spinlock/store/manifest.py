"""Folders of files with a manifest of their checksums: what tokenizers and checkpoints are stored as."""

from collections.abc import Mapping
from pathlib import Path

from spinlock.core.errors import InputError, listed, reading_errors
from spinlock.core.spec import Stored
from spinlock.store.atomic import human_size, sha256_of_bytes
from spinlock.store.json_file import parse_json, read_json, to_json

MANIFEST = "manifest.json"
FORMAT_VERSIONS = {"tokenizer": 3, "checkpoint": 3, "families": 1, "parameters": 1}
"""Kind of folder → the version that is written and read; 3 since a tokenizer is a torch module of parts."""
MAX_FILES, MAX_NAME = 100, 255
"""Files of a folder, and characters of the name of one."""
MAX_TENSORS, MAX_JSON = 2**30, 2**29
"""Bytes of a file of tensors: all are in memory at once, where a tokenizer of a thousand columns takes some
50 MB; and of one of words, which names every row of a training."""
_ANEW = {
    "tokenizer": "spinlock train-vqvae --config … --output",
    "checkpoint": "spinlock train-vqvae --config … --output",
    "families": "spinlock train-vqvae --config … --output",
    "parameters": "spinlock train-vqvae --config … --output",
}
"""Kind of folder → the command that makes it."""


class Manifest(Stored):
    """What manifest.json holds."""

    format: str
    format_version: int
    sha256: dict[str, str]


def with_manifest(files: Mapping[str, bytes], *, kind: str) -> dict[str, bytes]:
    """The files and, last, a manifest with the SHA-256 of each."""
    checksums = {name: sha256_of_bytes(data) for name, data in files.items()}
    manifest = to_json({"format": f"spinlock {kind}", "format_version": FORMAT_VERSIONS[kind], "sha256": checksums})
    return {**files, MANIFEST: manifest.encode()}


def is_manifest_of(path: Path, *, kind: str) -> bool:
    """Whether a file is the manifest of a folder of that kind, of any version."""
    try:
        manifest = read_json(path)
    except InputError:
        return False
    return isinstance(manifest, dict) and manifest.get("format") == f"spinlock {kind}"


def read_verified(folder: Path, *, kind: str) -> dict[str, bytes]:
    """The files that a folder's manifest names, each with the checksum that it states.

    Raises:
        InputError: if the folder, its manifest or a file is missing, or a checksum differs.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is {'not a folder' if folder.exists() else 'not there'}; expected a {kind} folder.")
    if not (folder / MANIFEST).is_file():
        found = sorted(entry.name for entry in folder.iterdir())
        raise InputError(
            f"{folder} has no {MANIFEST}, so it is no {kind} folder; it holds {listed(found) or 'nothing'}."
        )
    manifest = Manifest.read(read_json(folder / MANIFEST), where=folder / MANIFEST)
    checksums = manifest.sha256
    if manifest.format != f"spinlock {kind}":
        raise InputError(f"{folder / MANIFEST} is not the manifest of a {kind}.")
    version, found = FORMAT_VERSIONS[kind], manifest.format_version
    if found != version:
        raise InputError(
            f"{folder} has format version {found}; this spinlock reads version {version}: make the {kind} anew by "
            f"`{_ANEW[kind]} {folder}`, or read it with the spinlock that wrote it."
        )
    files: dict[str, bytes] = {}
    if len(checksums) > MAX_FILES:
        raise InputError(f"{folder / MANIFEST} names {len(checksums)} files; a {kind} has at most {MAX_FILES}.")
    for name, checksum in checksums.items():
        path = _entry(folder, name, kind=kind)
        with reading_errors(path):
            files[name] = path.read_bytes()
        if sha256_of_bytes(files[name]) != checksum:
            raise InputError(f"{path} does not have the checksum that {MANIFEST} states; the {kind} is damaged.")
    return files


def _entry(folder: Path, name: str, *, kind: str) -> Path:
    """A file that a manifest names, if it is one that may be read whole."""
    if Path(name).name != name or name in ("", ".", "..") or len(name) > MAX_NAME or "\0" in name:
        raise InputError(f"{folder / MANIFEST} names '{name[:80]}', which is not a plain file name.")
    path = folder / name
    with reading_errors(path):
        if path.is_symlink() or not path.is_file():
            raise InputError(f"{path} is missing or no plain file; the {kind} is not whole.")
        size, most = path.stat().st_size, MAX_TENSORS if path.suffix == ".safetensors" else MAX_JSON
    if size > most:
        raise InputError(f"{path} holds {human_size(size)}; in a {kind} such a file has at most {human_size(most)}.")
    return path


def json_of(files: Mapping[str, bytes], name: str, *, folder: Path) -> dict[str, object]:
    """One JSON object of a folder.

    Raises:
        InputError: if it is missing or no object.
    """
    if name not in files:
        raise InputError(f"{folder} has no {name}.")
    with reading_errors(folder / name):
        value = parse_json(files[name].decode(), path=folder / name)
    if not isinstance(value, dict):
        raise InputError(f"{folder / name} must hold one JSON object.")
    return value
