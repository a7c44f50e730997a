"""How melodies go on: the probability of the next interval, given the last ones.

An interval is the step from one note to the next in semitones; 0 is a repeated note. Rests do not
count. Intervals, not pitches, so a tune is as probable in any key.

Definition (Witten & Bell, IEEE Trans. Information Theory 37, 1991; the interpolation is that of
Chen & Goodman, Computer Speech and Language 13, 1999). With c(h, i) the times interval i followed
the intervals h, c(h) their sum over i, t(h) the number of different i, and h' = h without its
oldest interval::

    p(i | h)  = (c(h, i) + t(h) p(i | h')) / (c(h) + t(h))
    p(i | h') = broad(i)                                    where h was empty
    broad(i)  = half exp(-|i| / SPREAD), normalised; half even over -FARTHEST..FARTHEST

Not every melody goes like the tunes known. So what is asked is a mixture,
trust p(i | h) + (1 - trust) broad(i), whose weight is Bayes' posterior, given the notes before, of
the melody being such a tune: after a few wide leaps it is hardly believed, and further ones cost
little. The posterior's log-odds are kept within -SUREST..SUREST, so that it can always turn
(cf. Herbster & Warmuth, Machine Learning 32, 1998), and in steps of TRUST_STEP, so that states are
few. Intervals wider than ``clip`` are left to ``broad``; in h they count as ``clip``.
"""

from __future__ import annotations

import io
import itertools
import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.errors import InputError
from seqmelody.writers import write_atomically

FORMAT = "seqmelody-melody-lm-1"
REACH = 128  # semitones: no interval between MIDI pitches, or a pitch and nothing, is wider
SPREAD, FARTHEST = 4.0, 36  # semitones
SUREST, TRUST_STEP = 3.0, 0.5  # log-odds, in nats
FIRST_LOG_PROB = -float(np.log(128))  # of the first note: any MIDI pitch
ORDER, CLIP, FALLBACK = 4, 24, 0.2  # unless said otherwise
NOTHING = -128  # pads the histories on disk
Context = tuple[int, ...]  # intervals, oldest first
FloatArray = NDArray[np.float64]


class State(NamedTuple):
    """What the next interval depends on: the last ones that the model knows, and how far the
    melody has gone like a tune, as log-odds in TRUST_STEPs."""

    context: Context
    trust: int


def broad() -> FloatArray:
    """The fallback distribution over intervals -REACH..REACH, shape (2 REACH + 1,)."""
    width = np.abs(np.arange(-REACH, REACH + 1))
    falling, even = np.exp(-width / SPREAD), (width <= FARTHEST).astype(np.float64)
    # The last keeps every interval possible.
    return np.asarray(
        0.499 * falling / falling.sum() + 0.5 * even / even.sum() + 0.001 / len(width)
    )


class IntervalModel:
    """An n-gram model of intervals; see the module for the formula.

    Args:
        counts: how often each interval followed each context (at most order - 1 intervals, oldest
            first), for contexts of every length from 0.
        order: n: an interval and n - 1 before it.
        clip: widest interval told apart, in semitones.
        fallback: share of the broad distribution before anything is heard.
    """

    def __init__(
        self,
        counts: dict[tuple[Context, int], int],
        *,
        order: int = ORDER,
        clip: int = CLIP,
        fallback: float = FALLBACK,
    ) -> None:
        if not (order >= 1 and 1 <= clip < REACH - 1 and 0 < fallback < 1):
            raise InputError(
                f"order {order}, clip {clip}, fallback {fallback:g}: no melody model has these; "
                f"use order >= 1, 1 <= clip <= {REACH - 2} and 0 < fallback < 1"
            )
        self.order, self.clip, self.fallback = order, clip, fallback
        self.counts = counts
        self._followers: dict[Context, dict[int, int]] = {}
        for (context, interval), count in counts.items():
            self._followers.setdefault(context, {})[interval] = count
        self._rows: dict[Context, FloatArray] = {}  # of known contexts, so of bounded number

    @classmethod
    def learn(
        cls,
        melodies: Iterable[Sequence[int]],
        *,
        order: int = ORDER,
        clip: int = CLIP,
        fallback: float = FALLBACK,
    ) -> IntervalModel:
        """Count the intervals of melodies, each the MIDI pitches of its notes in order."""
        counts: Counter[tuple[Context, int]] = Counter()
        for pitches in melodies:
            steps = [b - a for a, b in itertools.pairwise(pitches)]
            clipped = [_clip(step, clip) for step in steps]
            for at, step in enumerate(steps):
                if abs(step) > clip:
                    continue
                for length in range(min(order - 1, at) + 1):
                    counts[tuple(clipped[at - length : at]), step] += 1
        return cls(dict(counts), order=order, clip=clip, fallback=fallback)

    @property
    def start(self) -> State:
        """The state after the first note."""
        return State((), _in_steps(float(np.log(1 / self.fallback - 1))))

    def extend(self, state: State, interval: int) -> State:
        """The state after one more interval."""
        probs, even_so = self._known(state.context)[interval + REACH], broad()[interval + REACH]
        odds = state.trust * TRUST_STEP + float(np.log(probs / even_so))
        return State(self._remember(state.context, interval), _in_steps(odds))

    def log_probs(self, state: State) -> FloatArray:
        """Log-probability of each next interval -REACH..REACH, shape (2 REACH + 1,)."""
        trust = 1 / (1 + np.exp(-state.trust * TRUST_STEP))
        return np.asarray(np.log(trust * self._known(state.context) + (1 - trust) * broad()))

    def score(self, pitches: Sequence[int]) -> float:
        """Log-probability of a melody, given as MIDI pitches."""
        total = FIRST_LOG_PROB if pitches else 0.0
        state = self.start
        for a, b in itertools.pairwise(pitches):
            total += float(self.log_probs(state)[b - a + REACH])
            state = self.extend(state, b - a)
        return total

    def _remember(self, context: Context, interval: int) -> Context:
        """The longest end of the history that the model knows."""
        longer = (*context, _clip(interval, self.clip))
        for begin in range(max(0, len(longer) - self.order + 1), len(longer)):
            if longer[begin:] in self._followers:
                return longer[begin:]
        return ()

    def _known(self, context: Context) -> FloatArray:
        """p(i | h) of a context that the model knows."""
        if context not in self._rows:
            self._rows[context] = self._interpolate(context)
        return self._rows[context]

    def _interpolate(self, context: Context) -> FloatArray:
        probs = self._interpolate(context[1:]) if context else broad()
        followers = self._followers.get(context)
        if not followers:
            return probs
        total = sum(followers.values()) + len(followers)
        probs = probs * (len(followers) / total)
        for interval, count in followers.items():
            probs[interval + REACH] += count / total
        return probs

    def save(self, path: Path) -> None:
        """Write one ``.npz``, whole or not at all; the inverse of :func:`load_interval_model`."""
        grams = sorted(self.counts)
        history = np.full((len(grams), self.order - 1), NOTHING, dtype=np.int8)
        for row, (context, _) in enumerate(grams):
            history[row, self.order - 1 - len(context) :] = context
        data = io.BytesIO()
        np.savez_compressed(
            data,
            format=np.array(FORMAT),
            order=np.array(self.order),
            clip=np.array(self.clip),
            fallback=np.array(self.fallback),
            history=history.T,  # a column after the other, which packs better
            interval=np.array([interval for _, interval in grams], dtype=np.int8),
            count=np.array([self.counts[gram] for gram in grams], dtype=np.uint32),
        )
        write_atomically(path, data.getvalue())


def load_interval_model(path: str | os.PathLike[str] | None = None) -> IntervalModel:
    """Read a melody model; None stands for the one that ships with the package.

    Raises:
        InputError: the file is missing, unreadable, or not a melody model.
    """
    path = default_interval_model_path() if path is None else Path(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            return _parse(dict(data))
    except FileNotFoundError:
        raise InputError(f"{path}: no such melody model; check the path") from None
    except (
        OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile
    ) as error:  # fmt: skip
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "pickle" in reason:  # NumPy's advice on files that are none of its own is a bad one
            reason = "no NumPy archive"
        raise InputError(
            f"{path}: not a melody model of this version ({reason}); "
            "make one with 'python -m data_tools lm'"
        ) from None


def default_interval_model_path() -> Path:
    """The shipped melody model."""
    return Path(str(resources.files("seqmelody") / "assets" / "melody_lm.npz"))


def _parse(data: dict[str, NDArray[np.generic]]) -> IntervalModel:
    """Raises ValueError, KeyError or TypeError for anything that save did not write."""
    if str(data["format"]) != FORMAT:
        raise ValueError(f"format {str(data['format'])!r}, not {FORMAT!r}")
    order, clip = int(data["order"].item()), int(data["clip"].item())
    history, interval, count = data["history"].T, data["interval"], data["count"]
    if history.shape != (len(interval), order - 1) or count.shape != interval.shape:
        raise ValueError("its arrays do not fit together")
    if any(array.dtype.kind not in "iu" for array in (history, interval, count)):
        raise ValueError("its counts are no whole numbers")
    intervals = interval.tolist()
    if intervals and max(map(abs, intervals)) > clip:
        raise ValueError(f"intervals wider than {clip}")
    contexts = [tuple(i for i in row if i != NOTHING) for row in history.tolist()]
    counts = dict(zip(zip(contexts, intervals, strict=True), count.tolist(), strict=True))
    return IntervalModel(counts, order=order, clip=clip, fallback=float(data["fallback"].item()))


def _clip(interval: int, widest: int) -> int:
    return max(-widest, min(widest, interval))


def _in_steps(odds: float) -> int:
    """Log-odds in the nearest number of TRUST_STEPs within what is allowed."""
    return round(max(-SUREST, min(SUREST, odds)) / TRUST_STEP)
