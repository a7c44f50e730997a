"""What all readers of MIDI files have to know."""

from __future__ import annotations

import mido

DRUMS = 9  # channel 10 in words
# What mido raises for files that are damaged or none of MIDI.
ERRORS = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, mido.KeySignatureError
)  # fmt: skip
