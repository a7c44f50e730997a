"""The tree of note sequences begun that a prefix beam search walks (:mod:`.beam`)."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """The frame in which a prefix's last note begins, and the entry of the note before."""

    frame: int
    before: Entry | None


class Prefix:
    """A note sequence begun: a node of the tree of all that were met, so that one dropped and met
    again is the same. Its probabilities count while it is in the beam.

    Attributes:
        label: its last note's class; NO_NOTE of the empty prefix.
        before: the prefix without its last note.
        longer: the prefixes one note longer that were met, by their last note's class.
        state: the melody model's state after it.
        factors: what a next note multiplies its probability by, for each interval from -REACH.
        in_blank: probability of its paths that end in a blank.
        in_note: of those that end in its last note.
        total: of all, as it was before the frame.
        entry: where its last note begins: the entry that brings most of its probability.
        share: of its probability that came by that entry.
        seen: the last step after which it was in the beam.
    """

    __slots__ = (
        "before", "entry", "factors", "in_blank", "in_note", "label", "longer", "seen", "share",
        "state", "total",
    )  # fmt: skip

    def __init__(self, label: int, before: Prefix | None, state: int, factors: list[float]) -> None:
        self.label, self.before = label, before
        self.longer: dict[int, Prefix] = {}
        self.state, self.factors = state, factors
        self.in_blank = self.in_note = self.total = 0.0
        self.entry: Entry | None = None
        self.share, self.seen = 1.0, -1

    def begin(self, prob: float, entry: Entry | None) -> None:
        """Come into the beam, by paths that are at the beginning of the last note."""
        self.in_blank, self.in_note = 0.0, prob
        self.entry, self.share = entry, 1.0

    def enter(self, prob: float, frame: int, before: Entry | None) -> None:
        """More paths begin the last note, which others began earlier."""
        staying = self.in_blank + self.in_note
        known = self.share * staying
        if prob > known:
            self.entry, known = Entry(frame, before), prob
        whole = staying + prob
        self.share = known / whole if whole > 0 else 0.0
        self.in_note += prob

    def labels(self) -> list[int]:
        """Classes of its notes in order."""
        found, prefix = [], self
        while prefix.before is not None:
            found.append(prefix.label)
            prefix = prefix.before
        return found[::-1]

    def frames(self) -> list[int]:
        """Frames at which its notes begin."""
        found, entry = [], self.entry
        while entry is not None:
            found.append(entry.frame)
            entry = entry.before
        return found[::-1]
