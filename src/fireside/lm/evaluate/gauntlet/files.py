"""A folder of benchmarks: sub-folders are categories, their `.jsonl` files benchmarks."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from fireside.core.errors import InputError
from fireside.lm.evaluate.gauntlet.items import Item, RankedItem, item_of

__all__ = ["Benchmark", "read_gauntlet"]

_SHOTS = re.compile(r"^(?P<name>.+)[-_.](?P<shots>\d+)-?shot$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """Items that are scored together, all of one kind.

    Attributes:
        category: the sub-folder's name.
        name: the file's, without its ending.
        items: at least one.
        num_shots: solved items before each.
    """

    category: str
    name: str
    items: tuple[Item, ...]
    num_shots: int = 0

    def __post_init__(self) -> None:
        kinds = {type(item) for item in self.items}
        if len(kinds) != 1:
            raise InputError(
                f"{self.category}/{self.name} has items of {len(kinds)} kinds: give one kind in each file"
            )
        if self.num_shots >= len(self.items):
            raise InputError(
                f"{self.category}/{self.name} has {len(self.items)} items, too few for {self.num_shots} "
                "solved ones before each"
            )

    @property
    def chance(self) -> float:
        """The accuracy of guesses: for choices the mean of one over their number, else 0."""
        shares = [1 / len(item.pairs) for item in self.items if isinstance(item, RankedItem)]
        return sum(shares) / len(self.items)


def read_gauntlet(folder: Path) -> list[Benchmark]:
    """All benchmarks of a folder, by category and name.

    Raises:
        InputError: there is no such folder or no benchmark in it, or a line is not an item; the message names
            file and line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     (Path(directory) / "sums").mkdir()
    ...     line = '{"context": "2 + 2 =", "choices": [" 4", " 5"], "answer": 0}\\n'
    ...     _ = (Path(directory) / "sums" / "small-1shot.jsonl").write_text(line * 3)
    ...     (one,) = read_gauntlet(Path(directory))
    >>> one.category, one.name, one.num_shots, one.chance
    ('sums', 'small', 1, 0.5)
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give one whose sub-folders hold .jsonl files")
    benchmarks = [_read(file) for file in sorted(folder.glob("*/*.jsonl"))]
    if not benchmarks:
        raise InputError(f"{folder} has no benchmark: put .jsonl files into sub-folders, one for a category")
    return benchmarks


def _read(file: Path) -> Benchmark:
    try:
        content = file.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error}): make it a file of JSON lines") from error
    items = []
    # Not `splitlines`: texts may hold other characters that end lines, such as U+2028.
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            try:
                items.append(item_of(line))
            except InputError as error:
                raise InputError(f"{file}, line {number}: {error}") from error
    if not items:
        raise InputError(f"{file} has no item: give at least one, or delete it")
    match = _SHOTS.match(file.stem)
    return Benchmark(
        category=file.parent.name,
        name=match["name"] if match else file.stem,
        items=tuple(items),
        num_shots=int(match["shots"]) if match else 0,
    )
