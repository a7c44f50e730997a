"""Results on disk: one CSV row for each system, clip and condition, and a file of them that grows.

The CSV is tidy: every row stands alone, and rows stand in one order whatever the order of measuring
(:func:`place`), so that two runs can be compared line by line. A row whose ``failure`` is not empty
is a system that broke down on a clip; it counts as having recognised nothing.
"""

from __future__ import annotations

import csv
import io
import math
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from seqmelody import InputError, OutputError
from seqmelody.evaluation import Score
from seqmelody.metrics import EditCounts, RepeatCounts

DECIMALS = 5
UNFIT = (KeyError, ValueError, TypeError, csv.Error)  # what parsing other text raises
Key = tuple[str, str, str, str, float | None, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One system on one clip in one condition; rates are shares of 1, times are seconds."""

    system: str
    version: str
    set_name: str
    noise: str
    snr_db: float | None
    seed: int
    clip: str
    reference_notes: int
    estimated_notes: int
    insertions: int
    deletions: int
    substitutions: int
    octave_errors: int
    repeats: int
    repeats_found: int
    exact: bool
    conp_f1: float
    con_f1: float
    audio_seconds: float
    compute_seconds: float
    conpoff_f1: float = math.nan
    commit: str = ""
    failure: str = ""
    fingerprint: str = ""  # of the clip's sound and notes; rows of before have none

    @property
    def key(self) -> Key:
        """What was measured; two rows alike in it are one measurement made twice."""
        return self.system, self.set_name, self.clip, self.noise, self.snr_db, self.seed

    @property
    def edits(self) -> EditCounts:
        """The counts, ready for adding."""
        return EditCounts(
            self.insertions,
            self.deletions,
            self.substitutions,
            self.octave_errors,
            self.reference_notes,
        )

    @property
    def condition(self) -> str:
        """Noise and SNR in words."""
        return self.noise if self.snr_db is None else f"{self.noise} {self.snr_db:g} dB"

    @property
    def score(self) -> Score:
        """The measures, ready for pooling."""
        return Score(
            self.edits,
            RepeatCounts(self.repeats_found, self.repeats),
            self.estimated_notes,
            self.con_f1,
            self.conp_f1,
            self.conpoff_f1,
        )


def score_fields(score: Score) -> dict[str, int | bool | float]:
    """A score under the names of Row's fields."""
    return {
        "reference_notes": score.edits.reference,
        "estimated_notes": score.estimated_notes,
        "insertions": score.edits.insertions,
        "deletions": score.edits.deletions,
        "substitutions": score.edits.substitutions,
        "octave_errors": score.edits.octave_errors,
        "repeats": score.repeats.repeats,
        "repeats_found": score.repeats.found,
        "exact": score.exact,
        "conp_f1": score.conp_f1,
        "con_f1": score.con_f1,
        "conpoff_f1": score.conpoff_f1,
    }


def place(row: Row) -> tuple[object, ...]:
    """Sort key: by set, clean before noises, high SNRs before low ones, clip, seed, system."""
    snr = math.inf if row.snr_db is None else row.snr_db
    return row.set_name, row.noise != "clean", row.noise, -snr, row.clip, row.seed, row.system


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write one line per row under a header of field names."""
    write_whole(path, _header() + "".join(_line(row) for row in rows))


def read_csv(path: Path) -> list[Row]:
    """Read what :func:`write_csv` wrote; columns added since have their defaults.

    Raises:
        InputError: any other file.
    """
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (_HeaderError, UnicodeDecodeError):
        raise InputError(
            f"{path} is not a table of this benchmark; name a CSV that its run command wrote"
        ) from None
    except UNFIT as error:
        raise InputError(
            f"{path}: a row is not of this benchmark ({error}); remove that row, or measure anew "
            "into another file"
        ) from None


class _HeaderError(ValueError):
    """The first line does not name the columns of rows."""


class Journal:
    """The rows of one CSV file while it grows.

    New rows are appended to a file beside it, ``<name>.part``, as they come; :meth:`finish` sorts
    all into the CSV. Whoever is killed in between loses no row but a half-written one.
    """

    def __init__(self, path: Path) -> None:
        """Read the rows that are there. Raises InputError or OutputError."""
        make_folder(path.parent)
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._rows = {row.key: row for row in read_finished_and_part(path)}

    @property
    def rows(self) -> list[Row]:
        """All rows, in the order of the CSV."""
        return sorted(self._rows.values(), key=place)

    def find(self, key: Key) -> Row | None:
        """The row of a measurement that was made."""
        return self._rows.get(key)

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows to the file; they replace earlier ones of the same key."""
        rows = list(rows)
        self._rows.update((row.key, row) for row in rows)
        with self._part.open("a", encoding="utf-8") as file:
            file.write("".join(_line(row) for row in rows))

    def finish(self) -> None:
        """Write the sorted CSV."""
        write_csv(self._path, self.rows)
        self._part.unlink(missing_ok=True)


def read_finished_and_part(path: Path) -> list[Row]:
    """Rows of a CSV and of an unfinished run beside it, later ones last; none if neither is there.

    Raises:
        InputError: another file is there.
    """
    part = path.with_name(path.name + ".part")
    rows = read_csv(path) if path.exists() else []
    if part.exists():
        whole, end, half = part.read_text(encoding="utf-8").rpartition("\n")
        if half:  # a run was killed while it wrote: the next row must not be glued to that half
            write_whole(part, whole + end)
        try:
            rows += _parse(_header() + whole + end)
        except UNFIT as error:
            raise InputError(
                f"{part} is of another version of this benchmark ({error}); remove it"
            ) from None
    return rows


def _header() -> str:
    return ",".join(f.name for f in fields(Row)) + "\n"


def _line(row: Row) -> str:
    text = io.StringIO()
    values = asdict(row)
    rounded = {k: round(v, DECIMALS) for k, v in values.items() if isinstance(v, float)}
    csv.writer(text, lineterminator="\n").writerow((values | rounded).values())
    return text.getvalue()


def _parse(text: str) -> list[Row]:
    parse: dict[str, Callable[[str], object]] = {
        "int": int,
        "float": float,
        "str": str,
        "bool": lambda text: text == "True",
        "float | None": lambda text: float(text) if text else None,
    }
    columns = {f.name: parse[str(f.type)] for f in fields(Row)}
    records = list(_records(text))
    for record in records:
        # A line of before that column, under a new header.
        if record.get("fingerprint", "") is None:
            del record["fingerprint"]
    return [
        Row(**{name: columns[name](value) for name, value in record.items()})  # type: ignore[arg-type]
        for record in records
    ]


def _records(text: str) -> csv.DictReader[str]:
    """Rows under their header; none of an empty file. Raises _HeaderError if that is another's."""
    records = csv.DictReader(io.StringIO(text))
    try:
        names = records.fieldnames
    except csv.Error:
        raise _HeaderError from None
    known = {f.name for f in fields(Row)}
    needed = {f.name for f in fields(Row) if f.default is MISSING}
    if names is not None and not needed <= set(names) <= known:
        raise _HeaderError
    return records


def make_folder(path: Path) -> None:
    """Make a folder for results. Raises OutputError if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}; choose another") from None


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(text)
    Path(file.name).chmod(0o644)
    os.replace(file.name, path)
