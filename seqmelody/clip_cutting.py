"""An aligned recording becomes clips of some seconds, each with all that is known of its notes.

Where a list and its recording differ (:mod:`seqmelody.list_alignment` marks it), nobody knows when
the notes sounded, but if the list is right, which. So a clip may hold such a stretch: its list is
whole, for CTC to learn from, and the stretch is *untimed*, for the window head to pass over. Clips
begin and end between two notes that are as listed, so that the list can be divided there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seqmelody.audio import SAMPLE_RATE
from seqmelody.list_alignment import AlignedNote
from seqmelody.manifests import Stretch
from seqmelody.notes import Note

MARGIN_SECONDS = 0.5  # before a clip's first note and after its last, where it is cut


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a recording, in seconds.

    Attributes:
        begin: in the recording; a whole sample.
        end: in the recording.
        pitches: as listed, in order.
        notes: those whose times are known, from the clip's beginning.
        untimed: where others may sound, from the clip's beginning.
    """

    begin: float
    end: float
    pitches: tuple[int, ...]
    notes: tuple[Note, ...]
    untimed: tuple[Stretch, ...] = ()


def cut(notes: Sequence[AlignedNote], duration: float, clip_seconds: float) -> list[Clip]:
    """Cut a recording into clips whose notes span ``clip_seconds`` at most, with a little of what
    is around them; one that is no longer stays whole.

    A single note that is longer is a clip of its own. Left out is what differs from the list for
    longer than a clip, and a clip of which no note is as listed. A recording without any melody
    becomes clips without notes.
    """
    if not notes:
        return list(_silences(duration, clip_seconds))
    if duration <= clip_seconds:
        groups = [range(len(notes))]
        bounds = [Stretch(0.0, duration)]
    else:
        groups = list(_groups(notes, clip_seconds))
        bounds = [_bounds(notes, group, duration) for group in groups]
    return [
        _clip(notes, group, *around)
        for group, around in zip(groups, bounds, strict=True)
        if any(notes[k].mark == "ok" for k in group)
    ]


def _silences(duration: float, clip_seconds: float) -> Iterator[Clip]:
    count = math.ceil(duration / clip_seconds)
    for k in range(count):
        begin = math.floor(k * duration / count * SAMPLE_RATE) / SAMPLE_RATE
        yield Clip(begin, (k + 1) * duration / count, (), ())


def known_times(notes: Sequence[Note]) -> list[AlignedNote]:
    """Notes that need no aligner, as one would have found them."""
    return [
        AlignedNote("ok", round(n.pitch), round(n.pitch), n.onset, n.offset, 1.0) for n in notes
    ]


def _groups(notes: Sequence[AlignedNote], clip_seconds: float) -> Iterator[range]:
    """The notes of each clip: as many units as fit in it."""
    group = range(0)
    for unit in _units(notes):
        joined = range(group.start, unit.stop)
        if group and _seconds(notes, joined) > clip_seconds:
            yield group
            group = range(0)
        is_single = len(unit) == 1
        if not is_single and _seconds(notes, unit) > clip_seconds:
            continue  # too much in doubt, and the next unit begins a group of its own
        group = range(group.start, unit.stop) if group else unit
    if group:
        yield group


def _units(notes: Sequence[AlignedNote]) -> Iterator[range]:
    """What no cut may part: a note, or a run of differences with the good note on either side."""
    begin = 0
    for k in range(1, len(notes) + 1):
        if k == len(notes) or (notes[k - 1].mark == "ok" and notes[k].mark == "ok"):
            yield range(begin, k)
            begin = k


def _seconds(notes: Sequence[AlignedNote], group: range) -> float:
    return notes[group[-1]].offset - notes[group[0]].onset


def _bounds(notes: Sequence[AlignedNote], group: range, duration: float) -> Stretch:
    """A group with half of the rests around it, up to a margin."""
    first, last = notes[group[0]], notes[group[-1]]
    quiet_from = notes[group[0] - 1].offset if group[0] else 0.0
    quiet_until = notes[group[-1] + 1].onset if group[-1] + 1 < len(notes) else duration
    begin = first.onset - min(MARGIN_SECONDS, max(0.0, first.onset - quiet_from) / 2)
    end = last.offset + min(MARGIN_SECONDS, max(0.0, quiet_until - last.offset) / 2)
    # Whole samples, so that the notes' times are those of the file.
    return Stretch(math.floor(begin * SAMPLE_RATE) / SAMPLE_RATE, end)


def _clip(notes: Sequence[AlignedNote], group: range, begin: float, end: float) -> Clip:
    pitches = tuple(listed for k in group if (listed := notes[k].listed) is not None)
    timed = tuple(
        Note(note.onset - begin, note.offset - begin, note.listed, note.confidence)
        for note in (notes[k] for k in group)
        if note.mark == "ok" and note.listed is not None
    )
    doubtful = tuple(
        Stretch(max(0.0, a - begin), min(end, b) - begin)
        for a, b in _in_doubt(notes, group, begin, end)
    )
    return Clip(begin, end, pitches, timed, doubtful)


def _in_doubt(
    notes: Sequence[AlignedNote], group: range, begin: float, end: float
) -> Iterator[Stretch]:
    """Where a group's differences lie: from the middle of the good note before to that of the one
    after, for either may have swallowed a note of the same pitch."""
    since: float | None = None  # where the present run began
    middle = begin  # of the last good note
    for note in (notes[k] for k in group):
        if note.mark != "ok":
            since = middle if since is None else since
            continue
        middle = (note.onset + note.offset) / 2
        if since is not None:
            yield Stretch(since, middle)
            since = None
    if since is not None:
        yield Stretch(since, end)
