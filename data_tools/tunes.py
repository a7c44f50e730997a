"""Melodies of the ``music21`` corpora as (pitch, quarter-note length) lists.

These are the collections of single lines; the others hold several voices. Ryan's Mammoth
Collection is left out: tunes of it are in the development clips. The Essen collection's legal
status is unclear, and its use with music21 permitted for other than commercial ends (its licence
there); who needs to can leave it out.

A tune that comes twice, in whatever key and note values, is kept once. Which part a tune belongs to
(nine in ten train, the others are for development and tests) follows from how it begins, so that
variants that begin alike are on one side of the split; those with another upbeat may be on either.
"""

from __future__ import annotations

import itertools
import signal
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from data_tools.progress import track
from seqmelody.banks import REST, write_tunes
from seqmelody.errors import InputError
from seqmelody.writers import check_folder, make_folder

COLLECTIONS = ("essenFolksong", "oneills1850", "airdsAirs", "miscFolk", "nottingham-dataset")
SHORTEST_TUNE = 8  # notes
PARTS = ("train", "dev", "test")
Tune = list[tuple[int, float]]  # (MIDI pitch or REST, quarter notes)


def collect_tunes(
    folder: Path, *, limit: int | None = None, without: Sequence[str] = (), processes: int = 1
) -> int:
    """Write ``tunes.npz`` (to train on), ``tunes_dev.npz`` and ``tunes_test.npz`` into a bank
    folder; return how many different tunes there are.

    Args:
        folder: made if missing.
        limit: of files to read.
        without: names of COLLECTIONS to leave out.
        processes: to read with.

    Raises:
        InputError: music21 is missing, or a collection is unknown.
        OutputError: the folder cannot be made.
    """
    make_folder(folder)
    check_folder(folder)
    for name in without:
        if name not in COLLECTIONS:
            raise InputError(f"{name!r} is no collection; they are {', '.join(COLLECTIONS)}")
    try:
        from music21 import corpus
    except ImportError:
        raise InputError("the tunes come with music21; pip install 'seqmelody[data]'") from None
    chosen = [name for name in COLLECTIONS if name not in without]
    paths = [p for name in chosen for p in corpus.getComposer(name)]
    paths = [p for p in paths if str(p).endswith(".abc")]
    if limit is not None and limit < len(paths):  # spread over the collections
        paths = [paths[i * len(paths) // limit] for i in range(limit)]
    different: dict[tuple[tuple[int, float], ...], Tune] = {}
    with ProcessPoolExecutor(processes) as pool:
        for tunes in track(
            pool.map(_read_file, paths), description="Reading tunes", total=len(paths)
        ):
            for tune in tunes:
                if sum(pitch != REST for pitch, _ in tune) >= SHORTEST_TUNE:
                    different.setdefault(shape(tune), tune)
    for part in PARTS:
        tunes = [tune for _, tune in sorted(different.items()) if part_of(tune) == part]
        write_tunes(folder, tunes, part)
    return len(different)


def shape(tune: Tune) -> tuple[tuple[int, float], ...]:
    """What stays of a tune in another key and other note values: (interval from its first note,
    share of its longest note) of each note; rests are (REST, share)."""
    first = next(pitch for pitch, _ in tune if pitch != REST)
    longest = max(quarters for _, quarters in tune)
    return tuple(
        (pitch - first + 128 if pitch != REST else REST, round(quarters / longest, 4))
        for pitch, quarters in tune
    )


def part_of(tune: Tune) -> str:
    """Train, dev or test, by a checksum of the tune's first intervals."""
    pitches = [pitch for pitch, _ in tune if pitch != REST][: SHORTEST_TUNE + 1]
    intervals = ",".join(str(b - a) for a, b in itertools.pairwise(pitches))
    lot = zlib.crc32(intervals.encode()) % 20
    return "dev" if lot == 0 else "test" if lot == 1 else "train"


def _read_file(path: Path) -> list[Tune]:
    """Tunes of one ABC file, which may hold one or hundreds."""
    from music21 import converter, stream

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    score = converter.parse(path)
    scores = list(score.scores) if isinstance(score, stream.Opus) else [score]
    return [_melody(s) for s in scores]


def _melody(score: object) -> Tune:
    """Pitches and lengths of a score's single line; ties joined, grace notes and chords dropped."""
    notes: Tune = []
    for element in score.flatten().stripTies().notesAndRests:  # type: ignore[attr-defined]
        quarters = float(element.quarterLength)
        if quarters <= 0:
            continue
        if element.isNote:
            notes.append((int(element.pitch.midi), quarters))
        elif element.isRest:
            notes.append((REST, quarters))
    return notes
