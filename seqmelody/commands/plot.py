"""``seqmelody plot``: decode one recording and draw what was found."""

from __future__ import annotations

from pathlib import Path

from seqmelody.commands.decode import is_folder
from seqmelody.writers import (
    check_suffix,
    check_unlike,
    check_writable,
    make_folder,
    write_atomically,
)


def run(audio: Path, output: str, mode: str, model_path: Path | None) -> None:
    """Write the picture to ``output``, as it was typed: a file or, as for decode, a folder.

    Raises:
        InputError: the recording is unusable, or the picture would replace it or has another
            suffix than its own.
        CheckpointError: no usable model.
        OutputError: nothing can be written there.
    """
    from seqmelody.audio import SAMPLE_RATE, load
    from seqmelody.model import load_model
    from seqmelody.plots import draw_notes
    from seqmelody.transcription import transcribe

    in_folder, picture = is_folder(output), Path(output)
    if in_folder:
        picture /= f"{audio.stem}.png"
    check_unlike(picture, audio)
    check_suffix(picture, ".png", "pictures are PNG files")
    if not in_folder or picture.parent.is_dir():  # else it is made
        check_writable(picture)
    waveform = load(audio)
    melody = transcribe(waveform, SAMPLE_RATE, mode=mode, model=load_model(model_path))
    title = f"{audio.name} ({mode})"
    if melody.disagreements:
        title += f", {len(melody.disagreements)} places of disagreement left out"
    data = draw_notes(waveform, melody.notes, title)
    if in_folder:
        make_folder(picture.parent)
    write_atomically(picture, data)
