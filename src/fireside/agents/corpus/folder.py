"""Reading a folder of documents: every format we know, and a list of all that could not be read.

A folder of a stranger may hold anything. Links are followed only to files inside the folder, only regular
files are opened, each is read up to a limit, and whatever goes wrong with one file is a line in the list of
problems and never the end of the others.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from fireside.agents.corpus.document import Document, DocumentProblem, make_document
from fireside.agents.corpus.formats.content import Content, Reader, ReadingLimits, UnreadableError
from fireside.agents.corpus.formats.html import read_html
from fireside.agents.corpus.formats.markdown import read_markdown
from fireside.agents.corpus.formats.pdf import read_pdf
from fireside.agents.corpus.formats.plain import read_plain
from fireside.agents.corpus.formats.restructured import read_restructured
from fireside.agents.corpus.formats.structured import read_json
from fireside.agents.corpus.formats.tabular import read_csv
from fireside.agents.corpus.text import clean_text
from fireside.core.errors import DocumentsError

__all__ = ["READERS", "read_folder"]

READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".htm": read_html,
    ".html": read_html,
    ".json": read_json,
    ".markdown": read_markdown,
    ".md": read_markdown,
    ".pdf": read_pdf,
    ".rst": read_restructured,
    ".text": read_plain,
    ".tsv": read_csv,
    ".txt": read_plain,
}


def read_folder(
    folder: str | os.PathLike[str], limits: ReadingLimits | None = None
) -> tuple[list[Document], list[DocumentProblem]]:
    """Read all documents below a folder, in the order of their paths.

    Files and folders whose names begin with a dot are passed over. The id of a document is its path
    relative to the folder.

    Args:
        folder: where to look, at any depth.
        limits: how much to read; the default limits where `None`.

    Returns:
        The documents, and a problem for each file that could not be read, or only in part.

    Raises:
        DocumentsError: there is no such folder, or nothing in it can be read; the message gives the first
            reasons.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "note.md").write_text("# Bolts\\nOwner: Ada")
    ...     _ = (Path(folder) / "photo.jpg").write_bytes(b"")
    ...     documents, problems = read_folder(folder)
    >>> [(document.document_id, document.title) for document in documents]
    [('note.md', 'Bolts')]
    >>> [(problem.path, problem.reason) for problem in problems]
    [('photo.jpg', 'no reader for .jpg; there are readers for .csv, .htm, ... .txt')]
    """
    limits = limits or ReadingLimits()
    root = Path(folder)
    if not root.is_dir():
        raise DocumentsError(f"{root} is not a folder: give one that holds {_known()} files")
    documents: list[Document] = []
    problems: list[DocumentProblem] = []
    ids: set[str] = set()
    for number, found in enumerate(_files(root, problems)):
        relative = clean_text(found.relative_to(root).as_posix())
        if number >= limits.max_files:
            problems.append(
                DocumentProblem(relative, f"it and what follows lie beyond {limits.max_files:,} files")
            )
            break
        try:
            content = _read_file(root, found, limits)
        except (UnreadableError, OSError) as error:
            problems.append(DocumentProblem(relative, _reason(error)))
            continue
        document_id = _unique(re.sub(r"[\[\]]", "_", relative), ids)
        title = content.title or found.stem.replace("_", " ")
        documents.append(
            make_document(document_id, title, content.text[: limits.max_characters], content.pairs, relative)
        )
        if content.left_out:
            problems.append(DocumentProblem(relative, content.left_out, partial=True))
    if not documents:
        raise DocumentsError(_nothing(root, problems))
    return documents, problems


def _nothing(root: Path, problems: list[DocumentProblem]) -> str:
    if not problems:
        return f"{root} is empty: put {_known()} files into it"
    shown = "; ".join(f"{problem.path}: {problem.reason}" for problem in problems[:3])
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f"none of the {len(problems)} files in {root} can be read: {shown}{more}"


def _reason(error: UnreadableError | OSError) -> str:
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return " ".join(clean_text(reason).split())


def _files(root: Path, problems: list[DocumentProblem]) -> Iterator[Path]:
    """All files and links below a folder that are not hidden, in order; locked folders become problems."""

    def locked(error: OSError) -> None:
        path = Path(error.filename).relative_to(root).as_posix()
        problems.append(DocumentProblem(clean_text(path), _reason(error)))

    for directory, folders, names in os.walk(root, onerror=locked, followlinks=False):
        links = [name for name in folders if (Path(directory) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted([*names, *links]):
            if not name.startswith("."):
                yield Path(directory) / name


def _read_file(root: Path, file: Path, limits: ReadingLimits) -> Content:
    if file.is_symlink() and file.is_dir():
        raise UnreadableError("it is a link to a folder; those are not entered")
    if file.is_symlink() and not file.resolve().is_relative_to(root.resolve()):
        raise UnreadableError("it is a link to a place outside the folder")
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise UnreadableError(
            f"no reader for {file.suffix or 'files without a suffix'}; there are readers for {_known()}"
        )
    data, size = _read_bytes(file, limits.max_file_bytes + 1)
    if not data:
        raise UnreadableError("it is empty")
    cut = len(data) > limits.max_file_bytes
    if cut and reader not in (read_pdf, read_json):
        data = data[: limits.max_file_bytes]
    content = reader(data, limits)
    if not content.text.strip():
        raise UnreadableError("it has no text")
    notes = [content.left_out] if content.left_out else []
    if cut:
        notes.append(f"only its first {limits.max_file_bytes:,} of {size:,} bytes were read")
    if len(content.text) > limits.max_characters:
        notes.append(
            f"only its first {limits.max_characters:,} of {len(content.text):,} characters were kept"
        )
    return content._replace(left_out="; ".join(notes))


def _read_bytes(file: Path, most: int) -> tuple[bytes, int]:
    """The beginning of a regular file, and its size in bytes."""
    # Without O_NONBLOCK, opening a named pipe waits for ever.
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("it is not a regular file")
        return stream.read(most), status.st_size


def _unique(document_id: str, taken: set[str]) -> str:
    """The id, with a number behind it where cleaning two names made them one."""
    candidate, number = document_id, 2
    while candidate in taken:
        candidate, number = f"{document_id} ({number})", number + 1
    taken.add(candidate)
    return candidate


def _known() -> str:
    return ", ".join(sorted(READERS))
