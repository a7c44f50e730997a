"""``seqmelody plot``: decode one recording and draw what was found."""

from __future__ import annotations

from pathlib import Path

from seqmelody.writers import check_suffix, check_unlike, check_writable, write_atomically


def run(audio: Path, output: Path, mode: str, model_path: Path | None) -> None:
    """Write the picture. Raises InputError, CheckpointError or OutputError."""
    from seqmelody.audio import SAMPLE_RATE, load
    from seqmelody.model import load_model
    from seqmelody.plots import draw_notes
    from seqmelody.transcription import transcribe

    check_unlike(output, audio)
    check_suffix(output, ".png", "pictures are PNG files")
    check_writable(output)
    waveform = load(audio)
    melody = transcribe(waveform, SAMPLE_RATE, mode=mode, model=load_model(model_path))
    title = f"{audio.name} ({mode})"
    if melody.disagreements:
        title += f", {len(melody.disagreements)} places of disagreement left out"
    write_atomically(output, draw_notes(waveform, melody.notes, title))
