"""Packages are fetched by clients that stand in for the real ones: scripts first on the path."""

import io
import os
import tarfile

import pytest

from fireside.core.errors import InputError, MissingExtraError
from upsampling_packages import debian_package, npm_package, python_package


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Adds an executable that runs a few lines of shell."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def add(name, script):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)

    return add


def test_a_debian_package_is_unpacked_once(tmp_path, client):
    client("apt-get", 'echo "$@" >> calls; touch "$2_1.5-2_all.deb"')
    client(
        "dpkg-deb",
        'if [ "$1" = -x ]; then mkdir -p "$3/usr"; echo text > "$3/usr/a.txt"; else echo 1.5-2; fi',
    )
    for _ in range(2):
        package = debian_package("tiny-doc", tmp_path)
        assert (package.name, package.version) == ("tiny-doc", "1.5-2")
        assert (package.folder / "usr" / "a.txt").read_text() == "text\n"
    assert (tmp_path / "tiny-doc" / "calls").read_text() == "download tiny-doc\n"


def test_an_npm_package_gives_its_texts_and_stays_inside_its_folder(tmp_path, client):
    archive = tmp_path / "scope-tiny-0.2.3.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("package/data/a.txt", "package/index.js", "package/../../../outside.txt"):
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"text"))
    client("npm", f"cp {archive} .")
    package = npm_package("@scope/tiny", tmp_path / "packages")
    assert package.version == "0.2.3"
    assert sorted(file.name for file in package.folder.iterdir()) == ["a.txt", "outside.txt"]
    assert not list(tmp_path.glob("outside.txt"))


def test_a_client_that_fails_is_quoted_with_a_remedy(tmp_path, client):
    client("apt-get", "echo 'E: Unable to locate package tiny-doc' >&2; exit 100")
    with pytest.raises(
        InputError, match=r"download tiny-doc ended with 100 \(E: Unable to locate .*`apt-get update`"
    ):
        debian_package("tiny-doc", tmp_path)
    client("npm", "exit 1")
    with pytest.raises(InputError, match=r"npm pack --silent tiny ended with 1 \(no message\)"):
        npm_package("tiny", tmp_path)


def test_a_client_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="'apt-get' is not on this machine"):
        debian_package("tiny-doc", tmp_path)
    with pytest.raises(MissingExtraError, match="'npm' is not on this machine"):
        npm_package("tiny", tmp_path)


def test_a_distribution_is_found_where_it_is_installed(tmp_path):
    package = python_package("pytest", tmp_path)
    assert package.version == pytest.__version__
    assert (package.folder / "pytest" / "__init__.py").is_file()
    with pytest.raises(MissingExtraError, match="pip install no-such-distribution"):
        python_package("no-such-distribution", tmp_path)
