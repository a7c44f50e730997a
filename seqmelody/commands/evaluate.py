"""``seqmelody evaluate``: how well a model does on recordings whose notes are known.

The table has a line for each condition and decoder: clean, then the noise at each SNR. Noise and
SNR are those of :mod:`seqmelody.evaluation`, measures those of :mod:`seqmelody.metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqmelody.audio import SAMPLE_RATE, duration, load
from seqmelody.decoding import HEADS
from seqmelody.decoding.agreement import Disagreement, disagreements
from seqmelody.errors import InputError
from seqmelody.evaluation import NoiseMaker, Score, add_noise, score, summarise
from seqmelody.manifests import ManifestEntry, check_end, read_manifest
from seqmelody.noise import GENERATORS, FloatArray
from seqmelody.notes import Note, format_note_list

TITLES = (
    *("condition", "mode", "recordings", "notes", "NER %", "ins", "del", "sub", "octave"),
    *("COn F1 %", "COnP F1 %", "repeats found %", "exact %"),
)
LOUDEST_DB = 120  # of noise or melody over the other; more than 16-bit audio can hold
PLACE_TITLES = ("recording", "condition", "from", "to")
Decode = Callable[[FloatArray, str], list[Note]]  # (samples, mode) -> notes


@dataclass(frozen=True, slots=True)
class NoiseChoice:
    """What ``--noise`` and ``--snr`` ask for. Raises InputError if they make no sense.

    Attributes:
        kind: name of a generator, or a folder of recordings.
        snrs_db: decibels.
    """

    kind: str
    snrs_db: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.kind not in GENERATORS and not Path(self.kind).is_dir():
            raise InputError(
                f"--noise {self.kind}: neither a folder of recordings nor one of "
                f"{', '.join(GENERATORS)}"
            )

    @property
    def name(self) -> str:
        """For the table."""
        return self.kind if self.kind in GENERATORS else Path(self.kind).resolve().name


def choose_noise(kind: str | None, snr: str | None) -> NoiseChoice | None:
    """Read the two options. Raises InputError if one lacks the other or makes no sense."""
    if kind is None and snr is None:
        return None
    if kind is None or snr is None:
        raise InputError("--noise and --snr belong together; give both or neither")
    try:
        values = tuple(dict.fromkeys(float(word) for word in snr.split(",") if word.strip()))
    except ValueError:
        values = ()
    if not values or not all(-LOUDEST_DB <= value <= LOUDEST_DB for value in values):
        raise InputError(
            f"--snr {snr}: no list of decibels from -{LOUDEST_DB} to {LOUDEST_DB}; write for "
            "example 20,10,0,-10"
        )
    return NoiseChoice(kind, values)


def run(
    manifest: Path,
    mode: str,
    model_path: Path | None,
    noise: NoiseChoice | None,
    *,
    seed: int = 0,
    compare: bool = False,
) -> str:
    """Evaluate a model; the table, and with ``compare`` where the two decoders disagree.

    Raises:
        InputError: the manifest or a recording is unusable, or recordings are missing.
        CheckpointError: no usable model.
    """
    entries = read_manifest(manifest)
    _check_there(entries, manifest)
    # Here, not on top: torch takes seconds to import.
    from seqmelody.model import load_model
    from seqmelody.transcription import transcribe

    model = load_model(model_path)

    def decode(samples: FloatArray, mode: str) -> list[Note]:
        return transcribe(samples, SAMPLE_RATE, mode=mode, model=model).notes

    modes = HEADS if compare else (mode,)
    return evaluate(entries, decode, modes, noise, seed=seed, compare=compare)


def _check_there(entries: Sequence[ManifestEntry], manifest: Path) -> None:
    """Complain before the work, not in the midst of it."""
    missing = [entry.audio for entry in entries if not entry.audio.is_file()]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(
            f"{missing[0]}{others}: no such file, but {manifest} names it; correct its path, which "
            "starts at the manifest's folder"
        )
    for entry in entries:
        check_end(entry, duration(entry.audio))


def evaluate(
    entries: Sequence[ManifestEntry],
    decode: Decode,
    modes: Sequence[str],
    noise: NoiseChoice | None,
    *,
    seed: int = 0,
    compare: bool = False,
) -> str:
    """The text that the command prints; ``compare`` asks for the modes of HEADS."""
    scores: dict[tuple[str, str], list[Score]] = {}
    places: list[tuple[str, ...]] = []
    maker = NoiseMaker(seed, Path(noise.kind)) if noise else None
    for index, entry in enumerate(entries):
        for condition, samples in _conditions(entry, index, noise, maker):
            notes = {mode: decode(samples, mode) for mode in modes}
            for mode in modes:
                result = score(entry.pitches, notes[mode], entry.all_notes)
                scores.setdefault((condition, mode), []).append(result)
            if compare:
                first, second = notes.values()
                places += [
                    (str(entry.audio), condition, *_place_cells(place))
                    for place in disagreements(first, second)
                ]
    text = _table(TITLES, [_cells(key, group) for key, group in scores.items()])
    if compare:
        text += f"\nPlaces where {' and '.join(modes)} disagree: {len(places)}\n"
        text += _table((*PLACE_TITLES, *modes), places) if places else ""
    return text


def _conditions(
    entry: ManifestEntry, index: int, noise: NoiseChoice | None, maker: NoiseMaker | None
) -> list[tuple[str, FloatArray]]:
    """Name and sound of a recording in each condition, clean first."""
    clean = load(entry.audio)
    if noise is None or maker is None:
        return [("clean", clean)]
    if not entry.pitches:  # nothing that an SNR could be taken against
        return [("clean", clean)]
    # By the folder's name, which is the same however its path is written; no generator has a slash.
    name = noise.kind if noise.kind in GENERATORS else f"{noise.name}/"
    added = maker.make(name, len(clean), entry.audio.name, index)
    try:
        return [
            ("clean", clean),
            *(
                (f"{noise.name} {snr:g} dB", add_noise(clean, added, snr, entry.notes or None))
                for snr in noise.snrs_db
            ),
        ]
    except InputError as error:
        raise InputError(f"{entry.audio}: {error}") from None


def _place_cells(place: Disagreement) -> tuple[str, ...]:
    names = [format_note_list(n.pitch for n in notes) for notes in (place.ctc, place.window)]
    return f"{place.onset:.2f}", f"{place.offset:.2f}", *(name or "–" for name in names)


def _cells(key: tuple[str, str], scores: list[Score]) -> tuple[str, ...]:
    total = summarise(scores)
    counts = total.edits
    return (
        *key,
        str(total.recordings),
        str(counts.reference),
        _percent(counts.note_error_rate),
        *map(str, (counts.insertions, counts.deletions)),
        *map(str, (counts.substitutions, counts.octave_errors)),
        *map(_percent, (total.con_f1, total.conp_f1, total.repeats.recall, total.exact)),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if math.isfinite(share) else "–"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are also in line on a terminal."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = [titles, ["-" * width for width in widths], *rows]
    padded = ([c.ljust(w) for c, w in zip(line, widths, strict=True)] for line in lines)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in padded)
