"""Melodies of the ``music21`` corpora as (pitch, quarter-note length) lists.

Ryan's Mammoth Collection is left out: tunes of it are in the development clips.
"""

from __future__ import annotations

import signal
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.progress import track

from seqmelody.banks import write_tunes
from seqmelody.errors import InputError

COLLECTIONS = ("essenFolksong", "oneills1850", "airdsAirs")


def collect_tunes(folder: Path, *, limit: int | None = None, processes: int = 1) -> int:
    """Write ``tunes.npz`` into a bank folder; return how many different tunes it holds."""
    try:
        from music21 import corpus
    except ImportError:
        raise InputError("the tunes come with music21; pip install 'seqmelody[data]'") from None
    paths = [p for name in COLLECTIONS for p in corpus.getComposer(name)]
    paths = [p for p in paths if str(p).endswith(".abc")]
    if limit is not None and limit < len(paths):  # spread over the collections
        paths = [paths[i * len(paths) // limit] for i in range(limit)]
    seen: set[tuple[tuple[int, float], ...]] = set()
    with ProcessPoolExecutor(processes) as pool:
        for tunes in track(
            pool.map(_read_file, paths), description="Reading tunes", total=len(paths)
        ):
            seen.update(tuple(t) for t in tunes if len(t) >= 8)
    write_tunes(folder, [list(t) for t in sorted(seen)])
    return len(seen)


def _read_file(path: Path) -> list[list[tuple[int, float]]]:
    """Tunes of one ABC file, which may hold one or hundreds."""
    from music21 import converter, stream

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    score = converter.parse(path)
    scores = list(score.scores) if isinstance(score, stream.Opus) else [score]
    return [_melody(s) for s in scores]


def _melody(score: object) -> list[tuple[int, float]]:
    """Pitches and lengths of a score's single line; ties joined, grace notes and chords dropped."""
    notes: list[tuple[int, float]] = []
    for element in score.flatten().stripTies().notesAndRests:  # type: ignore[attr-defined]
        quarters = float(element.quarterLength)
        if quarters <= 0:
            continue
        if element.isNote:
            notes.append((int(element.pitch.midi), quarters))
        elif element.isRest:
            notes.append((0, quarters))
    return notes
