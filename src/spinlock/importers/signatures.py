"""Formats of the field that spinlock does not read: how each begins, and the line that turns it into one that it does."""

from pathlib import Path
from typing import NamedTuple

from spinlock.core.errors import InputError


class Signature(NamedTuple):
    """A format that is known and not read.

    Attributes:
        begins: first bytes of its files.
        name: what it is called.
        remedy: what to do with it.
    """

    begins: bytes
    name: str
    remedy: str


_PICKLED = "save its numbers, for example by np.save('runs.npy', tensor.numpy()); pickled objects are never opened"
SIGNATURES = (
    Signature(b"CDF\x05", "a netCDF file of 64-bit data (CDF-5)", "convert it: nccopy -k nc4 in.nc out.nc"),
    Signature(b"GRIB", "a GRIB file", "convert it: cdo -f nc4 copy in.grib out.nc, or by xarray with cfgrib"),
    Signature(b"\x0e\x03\x13\x01", "an HDF4 file", "convert it: h4toh5 in.hdf out.h5"),
    Signature(b"SIMPLE  =", "a FITS file", "convert it: np.save('runs.npy', astropy.io.fits.getdata('in.fits'))"),
    Signature(
        b"# vtk DataFile", "a VTK file", "read it by meshio or pyvista and save the arrays: np.save('runs.npy', u)"
    ),
    Signature(b"<?xml", "an XML file, as VTK writes them", "read it by meshio or pyvista and np.save('runs.npy', u)"),
    Signature(b"<VTKFile", "a VTK file", "read it by meshio or pyvista and save the arrays: np.save('runs.npy', u)"),
    Signature(b"PAR1", "a Parquet file", "it holds a table; states belong into .npy, HDF5, netCDF or Zarr"),
    Signature(b"\x1f\x8b", "a file packed by gzip", "unpack it: gunzip FILE"),
    Signature(b"BZh", "a file packed by bzip2", "unpack it: bunzip2 FILE"),
    Signature(b"\xfd7zXZ", "a file packed by xz", "unpack it: unxz FILE"),
    Signature(b"\x28\xb5\x2f\xfd", "a file packed by zstd", "unpack it: unzstd FILE"),
    Signature(b"\x80\x02", "a pickle, as old torch.save writes it", _PICKLED),
    Signature(b"\x80\x03", "a pickle", _PICKLED),
    Signature(b"\x80\x04", "a pickle", _PICKLED),
    Signature(b"\x80\x05", "a pickle", _PICKLED),
)


def refuse_foreign(path: Path, head: bytes) -> None:
    """Refuses a file of a known format that is not read, with the line that converts it.

    Args:
        path: of the file.
        head: its first bytes, up to 512.

    Raises:
        InputError: naming the format and the remedy.
    """
    for signature in SIGNATURES:
        if head.startswith(signature.begins):
            raise InputError(f"{path} is {signature.name}, which spinlock does not read: {signature.remedy}.")
    if head.startswith(b"PK\x03\x04"):
        if path.suffix.lower() in (".pt", ".pth", ".ckpt", ".bin") or b"data.pkl" in head or b"/version" in head:
            raise InputError(f"{path} is a file of torch.save, which spinlock does not read: {_PICKLED}.")
        raise InputError(
            f"{path} is a zip archive, which spinlock does not read: unpack it (a Zarr store is read as a folder), or end "
            "an archive of arrays in .npz."
        )
    if head[:1].isascii() and head and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        raise InputError(
            f"{path} is a text, which spinlock does not read as states: np.save('runs.npy', np.loadtxt('{path.name}', "
            "delimiter=',')) turns a table of numbers into an array."
        )
