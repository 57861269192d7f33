"""A tokenizer as a folder: weights.safetensors, tokenizer.json, training.json, report.json, their checksums, and a card for people."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from spinlock.core.errors import InputError, reading_errors
from spinlock.core.spec import Stored
from spinlock.store.atomic import AnyPath, remove_partial, sha256_of_bytes, write_bytes, write_folder
from spinlock.store.json_file import to_json
from spinlock.store.manifest import MANIFEST, is_manifest_of, json_of, read_verified, with_manifest
from spinlock.store.outputs import Kind, check_output
from spinlock.store.tensor_bytes import check_tensors, tensor_bytes, tensors_from_bytes

log = logging.getLogger(__name__)


class _Score(Stored):
    backend: str
    validation_mse: float


class TrainingFile(Stored):
    """What is read of training.json, wherever it is there."""

    splits: dict[str, list[str]] = {}
    dataset: dict[str, Any] = {}
    seed: int = 0
    comparison: list[_Score] = []
    curves: dict[str, list[Annotated[tuple[float, float | None], Field(strict=False)]]] = {}
    refit: bool | dict[str, Any] = False
    software: dict[str, str] = {}
    clustering: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TokenizerFolder:
    """What a tokenizer's folder holds.

    Attributes:
        tensors: weights, codebooks and the column transform.
        tokenizer: everything else that encoding raw columns needs: names, categories, configuration.
        training: history, splits, provenance.
        report: the figures that it was judged by; None where it was not.
    """

    tensors: Mapping[str, Tensor]
    tokenizer: Mapping[str, object]
    training: Mapping[str, object]
    report: Mapping[str, object] | None


def save_tokenizer_folder(
    folder: AnyPath,
    *,
    tensors: Mapping[str, Tensor],
    tokenizer: Mapping[str, object],
    training: Mapping[str, object],
    report: Mapping[str, object] | None = None,
    card: str = "",
) -> None:
    """Writes a tokenizer; numbers that are not finite become null in the JSON files.

    A new folder appears whole or not at all. Over an existing one, the new tokenizer first lies whole beside it, from where
    a load recovers should the replacement be cut short; files of other names are left alone. Nobody else may be writing there.

    The card, README.md, is for people: it has no checksum in the manifest, and one that was edited, or that somebody else wrote, is kept.

    Raises:
        ResourceError: out of disk.
    """
    folder = Path(folder)
    check_tensors(tensors)
    check_output(folder, TOKENIZER)
    files = {
        "weights.safetensors": tensor_bytes(tensors),
        "tokenizer.json": to_json(tokenizer).encode(),
        "training.json": to_json(training).encode(),
    }
    if report is not None:
        files["report.json"] = to_json(report).encode()
    files = with_manifest(files, kind="tokenizer")
    if card and _is_own_card(folder / CARD):
        files = {CARD: _signed(card), **files}
    if not folder.exists():
        write_folder(folder, files)
        return
    replacement = _replacement(folder)
    shutil.rmtree(replacement, ignore_errors=True)
    write_folder(replacement, files)
    if report is None and (folder / "report.json").is_file():
        _drop_report(folder, files["weights.safetensors"])
    for name in (*_FILES, CARD, MANIFEST):
        remove_partial(folder, of=name)  # of a writer that was killed
    for name, data in files.items():
        write_bytes(folder / name, data)
    shutil.rmtree(replacement, ignore_errors=True)


def load_tokenizer_folder(folder: AnyPath) -> TokenizerFolder:
    """Reads a tokenizer, every file against its checksum first.

    Raises:
        InputError: if it is not there, not whole or damaged.
    """
    folder = Path(folder)
    if is_manifest_of(folder / MANIFEST, kind="families"):
        names = sorted(entry.name for entry in folder.iterdir() if is_manifest_of(entry / MANIFEST, kind="tokenizer"))
        raise InputError(f"{folder} holds tokenizers of several families ({', '.join(names)}); give the folder of one.")
    replacement = _replacement(folder)
    try:
        files = read_verified(folder, kind="tokenizer")
    except InputError:
        if not replacement.is_dir():
            raise
        files = read_verified(replacement, kind="tokenizer")
        log.warning("%s was being replaced when its writer was stopped; the new tokenizer beside it is read.", folder)
    if "weights.safetensors" not in files:
        raise InputError(f"{folder} has no weights.safetensors.")
    training = json_of(files, "training.json", folder=folder)
    TrainingFile.read(training, where=folder / "training.json")
    return TokenizerFolder(
        tensors=tensors_from_bytes(files["weights.safetensors"], path=folder / "weights.safetensors"),
        tokenizer=json_of(files, "tokenizer.json", folder=folder),
        training=training,
        report=json_of(files, "report.json", folder=folder) if "report.json" in files else None,
    )


def _signed(card: str) -> bytes:
    """A card that ends with its own checksum, by which an edited one is told."""
    return f"{card}<!-- {_SIGNED} {sha256_of_bytes(card.encode())} -->\n".encode()


def _is_own_card(path: Path) -> bool:
    """Whether no card is there, or one that nobody edited."""
    if not path.exists():
        return True
    with reading_errors(path):
        card, mark, signature = path.read_bytes().rpartition(f"<!-- {_SIGNED} ".encode())
    if mark and signature.startswith(sha256_of_bytes(card).encode()):
        return True
    log.warning("%s was edited or written by somebody else: it is kept, and may tell of an earlier tokenizer.", path)
    return False


def _drop_report(folder: Path, weights: bytes) -> None:
    """Remove the report on another tokenizer, which a new one without a report replaces."""
    there = folder / "weights.safetensors"
    if not there.is_file() or there.read_bytes() != weights:
        log.warning("%s holds the report on another tokenizer, which is replaced: it is removed.", folder)
        (folder / "report.json").unlink()


def _may_hold_a_tokenizer(folder: Path) -> bool:
    """Whether a folder is a tokenizer's, or holds no file that would have to make way for one."""
    if not folder.is_dir():
        return False
    if is_manifest_of(folder / MANIFEST, kind="tokenizer") or _replacement(folder).is_dir():
        return True
    return not any((folder / name).exists() for name in (*_FILES, MANIFEST))


CARD = "README.md"
_SIGNED = "written by spinlock, sha256"
_FILES = ("weights.safetensors", "tokenizer.json", "training.json", "report.json")

TOKENIZER = Kind(word="a tokenizer's folder, nor free of files of these names", is_one=_may_hold_a_tokenizer)


def _replacement(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.replacement")
