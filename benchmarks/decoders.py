"""Our CTC search beside the libraries people use, on the same emissions.

    python -m benchmarks.decoders --output benchmarks/results/decoders

The model hears every clip in every condition once; each decoder then searches what it said. All get
the emission as it is, sum over paths where they can, prune alike (threshold 14 nats, classes from
probability 0.001, where they have such settings), and have no language model. A last row adds what
the others have not: the melody model, weighted as in ``decode_ctc``.
"""

from __future__ import annotations

import csv
import importlib
import io
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.clips import Condition, NoiseBench, conditions, load_set
from benchmarks.options import decibels, words
from benchmarks.peers.base import NotInstalledError, package_version
from benchmarks.report import percent, provenance, table_line
from benchmarks.rows import make_folder, write_whole
from seqmelody import SeqMelodyError
from seqmelody.decoding.beam import BeamConfig, beam_search
from seqmelody.decoding.ctc import search_ctc
from seqmelody.decoding.hypothesis import best_path
from seqmelody.decoding.language_model import load_interval_model
from seqmelody.emission import Emission
from seqmelody.metrics import EditCounts, edit_counts
from seqmelody.model import load_model
from seqmelody.notes import Vocabulary

PRUNING = BeamConfig()  # the others get our threshold and min_prob
FIRST_LETTER = 0x4E00  # libraries want a letter for each class
EXPLANATION = """\
NER: note error rate, edits / reference notes, pooled over clips. agrees: clips for which the \
sequence is that of ours at the same width. s/min: processor seconds per minute of audio, the \
network not counted."""
Decode = Callable[[NDArray[np.float32]], list[int]]  # (T, n + 1) log-probabilities to classes


class Heard(NamedTuple):
    """A clip in a condition as the model hears it."""

    condition: str
    emission: Emission
    pitches: tuple[int, ...]
    clip: str = ""  # its name within the set


@dataclass(frozen=True, slots=True)
class Result:
    """A decoder on all clips of one condition, or on one long emission (no NER, no agreement)."""

    decoder: str
    condition: str
    width: int
    audio_seconds: float
    compute_seconds: float
    clips: int = 0
    agreeing: int = 0
    reference_notes: int = 0
    errors: int = 0


def ours(width: int, vocabulary: Vocabulary) -> Decode:
    """Our prefix beam search."""
    config = BeamConfig(width=width)
    return lambda log_probs: list(beam_search(log_probs, config)[0].labels)


def ours_with_melody_model(width: int, vocabulary: Vocabulary) -> Decode:
    """Our search with all that ``decode_ctc`` adds."""
    config, model = BeamConfig(width=width), load_interval_model()

    def decode(log_probs: NDArray[np.float32]) -> list[int]:
        found = search_ctc(Emission(log_probs, 1.0), vocabulary, beam=config, language_model=model)
        return list(found[0].labels)

    return decode


def greedy(width: int, vocabulary: Vocabulary) -> Decode:
    """Best path; any width is alike."""
    return lambda log_probs: [spike.label for spike in best_path(log_probs)]


def flashlight(width: int, vocabulary: Vocabulary) -> Decode:
    """flashlight-text, without a lexicon, through torchaudio."""
    _library("flashlight", "pip install flashlight-text")
    torch, decoders = _library("torch"), _library("torchaudio.models.decoder")
    letters = _letters(vocabulary)
    decoder = decoders.ctc_decoder(
        lexicon=None,
        tokens=letters,
        blank_token=letters[0],
        sil_token=letters[0],  # it needs one, and melodies have none
        beam_size=width,
        beam_threshold=PRUNING.threshold,
        log_add=True,
    )

    def decode(log_probs: NDArray[np.float32]) -> list[int]:
        best = decoder(torch.from_numpy(log_probs)[None])[0][0]
        return [int(c) for c in best.tokens]

    return decode


def pyctcdecode(width: int, vocabulary: Vocabulary) -> Decode:
    """pyctcdecode, without a language model."""
    library = _library("pyctcdecode", "pip install --no-deps pyctcdecode pygtrie hypothesis")
    logging.getLogger("pyctcdecode").setLevel(logging.ERROR)  # it misses a space, and says so
    decoder = library.build_ctcdecoder(["", *_letters(vocabulary)[1:]])

    def decode(log_probs: NDArray[np.float32]) -> list[int]:
        beams = decoder.decode_beams(
            log_probs,
            beam_width=width,
            beam_prune_logp=-PRUNING.threshold,
            token_min_logp=float(np.log(PRUNING.min_prob)),
        )
        return [ord(letter) - FIRST_LETTER for letter in beams[0][0]]

    return decode


def fast_ctc_decode(width: int, vocabulary: Vocabulary) -> Decode:
    """fast-ctc-decode, written in Rust."""
    library = _library("fast_ctc_decode", "pip install fast-ctc-decode")
    letters = _letters(vocabulary)

    def decode(log_probs: NDArray[np.float32]) -> list[int]:
        probs = np.exp(log_probs)
        text, _ = library.beam_search(
            probs, letters, beam_size=width, beam_cut_threshold=PRUNING.min_prob
        )
        return [ord(letter) - FIRST_LETTER for letter in text]

    return decode


def _library(name: str, remedy: str = "") -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise NotInstalledError(remedy) from None


def _letters(vocabulary: Vocabulary) -> list[str]:
    return [chr(FIRST_LETTER + c) for c in range(vocabulary.n_classes)]


# One row a decoder; packages are those whose versions the report states.
DECODERS: dict[str, Callable[[int, Vocabulary], Decode]] = {
    "ours": ours,
    "greedy": greedy,
    "flashlight-text": flashlight,
    "pyctcdecode": pyctcdecode,
    "fast-ctc-decode": fast_ctc_decode,
    "ours + melody model": ours_with_melody_model,
}
PACKAGES = ("flashlight-text", "pyctcdecode", "fast-ctc-decode")


def decoders(
    dev: Annotated[Path, typer.Option(help="Folder of the sets and of noise/.")] = Path(
        "../shared/dev"
    ),
    sets: Annotated[str, typer.Option(help="Folders in --dev, parted by commas.")] = "piano8,real",
    noises: Annotated[str, typer.Option(help="Kinds of noise, parted by commas.")] = "white",
    snr: Annotated[str, typer.Option(help="SNRs in dB, parted by commas.")] = "0,-5,-10",
    limit: Annotated[int | None, typer.Option(min=1, help="Clips of each set.")] = None,
    widths: Annotated[str, typer.Option(help="Beam widths, parted by commas.")] = "1,4,16,64",
    lengths: Annotated[str, typer.Option(help="Seconds of the long emissions.")] = "10,60,600",
    model: Annotated[Path | None, typer.Option(help="SeqMelody checkpoint.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise.")] = 0,
    output: Annotated[Path, typer.Option(help="Results go to this path with .md and .csv.")] = Path(
        "benchmarks/results/decoders"
    ),
) -> None:
    """Compare CTC decoders on the same emissions."""
    try:
        make_folder(output.parent)
        todo = conditions(words(noises), decibels(snr))
        heard, vocabulary = hear([dev / s for s in words(sets)], todo, dev, limit, model, seed)
        long = [repeated([h.emission for h in heard], float(s)) for s in words(lengths)]
        results: list[Result] = []
        for width in map(int, words(widths)):
            decoded = dict(installed(width, vocabulary))
            results += compare(decoded, heard, vocabulary, width)
            results += scale(decoded, long, width)
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    write_whole(output.with_suffix(".csv"), as_csv(results))
    write_whole(output.with_suffix(".md"), report(results))
    typer.echo(f"wrote {output.with_suffix('.md')} and {output.with_suffix('.csv')}")


def hear(
    folders: list[Path],
    todo: list[Condition],
    dev: Path,
    limit: int | None,
    checkpoint: Path | None,
    seed: int,
) -> tuple[list[Heard], Vocabulary]:
    """CTC emissions of all clips of some sets in all conditions, and their vocabulary."""
    model, bench = load_model(checkpoint), NoiseBench(dev / "noise", seed)
    heard = [
        Heard(
            f"{clip.set_name} {condition.noise}"
            + ("" if condition.snr_db is None else f" {condition.snr_db:g} dB"),
            model.emissions(bench.apply(clip, condition)).ctc,
            tuple(round(note.pitch) for note in clip.notes),
            clip.name,
        )
        for folder in folders
        for condition in todo
        for clip in load_set(folder)[:limit]
    ]
    return heard, model.vocabulary


def installed(width: int, vocabulary: Vocabulary) -> Iterator[tuple[str, Decode]]:
    """All decoders that can be had; the others get a line."""
    for name, make in DECODERS.items():
        try:
            yield name, make(width, vocabulary)
        except NotInstalledError as error:
            typer.echo(f"skipped {name}: not installed; {error}", err=True)


def compare(
    decoded: dict[str, Decode], heard: list[Heard], vocabulary: Vocabulary, width: int
) -> Iterator[Result]:
    """Every decoder on every condition; the first decoder is what others agree with."""
    by_condition: dict[str, list[Heard]] = {}
    for clip in heard:
        by_condition.setdefault(clip.condition, []).append(clip)
    for condition, clips in by_condition.items():
        seconds = sum(_seconds(clip.emission) for clip in clips)
        first: list[list[int]] | None = None
        for name, decode in decoded.items():
            found, spent = _timed(decode, [clip.emission for clip in clips])
            first = found if first is None else first
            edits = sum(
                (
                    edit_counts(clip.pitches, [vocabulary.to_pitch(c) for c in labels])
                    for clip, labels in zip(clips, found, strict=True)
                ),
                EditCounts(),
            )
            agreeing = sum(a == b for a, b in zip(found, first, strict=True))
            yield Result(
                name,
                condition,
                width,
                seconds,
                spent,
                len(clips),
                agreeing,
                edits.reference,
                edits.errors,
            )


def scale(decoded: dict[str, Decode], long: list[Emission], width: int) -> Iterator[Result]:
    """Time of every decoder on emissions of other lengths."""
    for emission in long:
        seconds = _seconds(emission)
        for name, decode in decoded.items():
            _, spent = _timed(decode, [emission])
            yield Result(name, f"{seconds:.0f} s in one", width, seconds, spent)


def repeated(emissions: list[Emission], seconds: float) -> Emission:
    """The emissions one after another, from the start again where they end, of a given length."""
    hop = emissions[0].hop_seconds
    whole = np.concatenate([emission.log_probs for emission in emissions])
    frames = np.arange(round(seconds / hop)) % len(whole)
    return Emission(whole[frames], hop)


def _timed(decode: Decode, emissions: Iterable[Emission]) -> tuple[list[list[int]], float]:
    """Classes found, and processor seconds; unlike a clock, they hold on a busy machine too."""
    begin = time.process_time()
    found = [decode(emission.log_probs) for emission in emissions]
    return found, time.process_time() - begin


def _seconds(emission: Emission) -> float:
    return len(emission) * emission.hop_seconds


def as_csv(results: Iterable[Result]) -> str:
    """One line per result under a header of field names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Result)], lineterminator="\n")
    writer.writeheader()
    for result in results:
        values = asdict(result)
        writer.writerow(
            values | {k: round(v, 4) for k, v in values.items() if isinstance(v, float)}
        )
    return text.getvalue()


def report(results: list[Result]) -> str:
    """Markdown with provenance: a table of accuracy and time, and one of long emissions."""
    clips = [r for r in results if r.clips]
    long = [r for r in results if not r.clips]
    titles = ("condition", "width", "decoder", "NER %", "agrees %", "s/min")
    lines = [table_line(*titles), table_line(*["---"] * 3, *["---:"] * 3)]
    for r in clips:
        rates = percent(r.errors / r.reference_notes), percent(r.agreeing / r.clips)
        lines.append(table_line(r.condition, str(r.width), r.decoder, *rates, _per_minute(r)))
    times = [table_line("length", "width", "decoder", "s/min"), table_line(*["---"] * 3, "---:")]
    times += [table_line(r.condition, str(r.width), r.decoder, _per_minute(r)) for r in long]
    versions = [package_version("numpy"), *_versions({r.decoder for r in results})]
    parts = ["# CTC decoders on the same emissions", provenance("benchmarks.decoders", versions)]
    parts += [EXPLANATION, "## Clips", "\n".join(lines), "## Long emissions", "\n".join(times)]
    return "\n\n".join(parts) + "\n"


def _versions(names: set[str]) -> list[str]:
    return [package_version(name) for name in PACKAGES if name in names]


def _per_minute(result: Result) -> str:
    return f"{60 * result.compute_seconds / result.audio_seconds:.4f}"


if __name__ == "__main__":
    typer.run(decoders)
