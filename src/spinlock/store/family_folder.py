"""Tokenizers of several families as a folder: one folder a family, families.json, what decodes across them, and checksums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.spec import Stored, Word
from spinlock.store.atomic import AnyPath, write_bytes
from spinlock.store.json_file import to_json
from spinlock.store.manifest import MANIFEST, is_manifest_of, json_of, read_verified, with_manifest
from spinlock.store.outputs import Kind
from spinlock.store.tensor_bytes import tensor_bytes, tensors_from_bytes

NAMES, DECODER = "families.json", "decoder.safetensors"


class DecoderFile(Stored):
    """What families.json says of a decoder across families.

    Attributes:
        settings: all of it that is no tensor.
        made_for: family → checksum of the codes that it was fitted to.
    """

    settings: dict[str, Any]
    made_for: dict[str, str]


class FamiliesFile(Stored):
    """What families.json holds."""

    families: Annotated[list[Word], Field(min_length=1)]
    decoder: DecoderFile | None = None

    @model_validator(mode="after")
    def _check_names(self) -> "FamiliesFile":
        if self.decoder is not None and not set(self.decoder.made_for) <= set(self.families):
            raise ValueError("must have a decoder made for families that it names")
        return self


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StoredDecoder:
    """A decoder across families as a file has it."""

    tensors: Mapping[str, Tensor]
    settings: Mapping[str, Any]
    made_for: Mapping[str, str]


def save_families(folder: AnyPath, families: Sequence[str], decoder: StoredDecoder | None = None) -> None:
    """Writes which families a folder has, and what decodes each from all, after their own folders; from then on it is whole.

    Raises:
        ResourceError: out of disk.
    """
    told: dict[str, object] = {"families": list(families)}
    files: dict[str, bytes] = {}
    if decoder is not None:
        told["decoder"] = {"settings": dict(decoder.settings), "made_for": dict(decoder.made_for)}
        files[DECODER] = tensor_bytes(decoder.tensors)
    files[NAMES] = to_json(told).encode()
    for name, data in with_manifest(files, kind="families").items():
        write_bytes(Path(folder) / name, data)
    if decoder is None:
        (Path(folder) / DECODER).unlink(missing_ok=True)


def has_families(folder: AnyPath) -> bool:
    """Whether a folder is one of several families."""
    return is_manifest_of(Path(folder) / MANIFEST, kind="families")


def load_families(folder: AnyPath) -> tuple[str, ...]:
    """The names of a folder's families, in the order in which they were trained.

    Raises:
        InputError: if it is not there, not whole or damaged.
    """
    return tuple(_read(Path(folder))[0].families)


def load_family_decoder(folder: AnyPath) -> StoredDecoder | None:
    """What decodes the families of a folder from all; None where each is decoded alone.

    Raises:
        InputError: if it is not there, not whole or damaged.
    """
    file, files = _read(Path(folder))
    if file.decoder is None:
        return None
    if DECODER not in files:
        raise InputError(f"{folder} has no {DECODER}, which its {NAMES} names.")
    tensors = tensors_from_bytes(files[DECODER], path=Path(folder) / DECODER)
    return StoredDecoder(tensors=tensors, settings=file.decoder.settings, made_for=file.decoder.made_for)


def _read(folder: Path) -> tuple[FamiliesFile, dict[str, bytes]]:
    files = read_verified(folder, kind="families")
    if NAMES not in files:
        raise InputError(f"{folder} has no {NAMES}.")
    return FamiliesFile.read(json_of(files, NAMES, folder=folder), where=folder / NAMES), files


def _may_hold_families(folder: Path) -> bool:
    """Whether a folder is one of several families, or holds no file that would have to make way for one."""
    if not folder.is_dir():
        return False
    return has_families(folder) or not any((folder / name).exists() for name in (NAMES, MANIFEST))


FAMILIES_FOLDER = Kind(word="a folder of families, nor free of files of these names", is_one=_may_hold_families)
