"""Which instruments of a bank are held out, so that none has been heard in training.

Instruments that share samples share their fate. Programs of a SoundFont do: a fiddle is its violin,
tremolo strings are its string ensemble, synthetic brass is made of its saw-tooth lead. So whole
families of General MIDI are held out, in all SoundFonts and folders of recordings alike.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

FAMILIES = (
    "piano", "mallets", "organ", "guitar", "bass", "strings", "strings", "brass", "reed", "pipe",
    "synthesiser", "synthesiser", "synthesiser", "ethnic", "percussive", "effects",
)  # fmt: skip
"""Of General MIDI, eight programs each. Solo strings and ensembles share samples: one family."""
# Of samples of these, or (a thumb piano and a marimba) too alike to tell.
ELSEWHERE = {62: "synthesiser", 63: "synthesiser", 108: "mallets", 110: "strings"}
HELD_OUT = frozenset({"guitar", "pipe", "ethnic"})  # a fifth: struck, plucked and sustained ones
EVERY = 5  # of the instruments of no family, too
PROGRAMS = {
    "bass-clarinet": 71, "bass-electric": 33, "bassoon": 70, "contrabass": 43, "contrabassoon": 70,
    "cor-anglais": 69, "double-bass": 43, "double-bass-rubner": 43, "flute": 73, "french-horn": 60,
    "guitar": 24, "guitar-nylon": 24, "guitar-shiny": 25, "harmonium": 20, "harp": 46,
    "mandolin": 25, "oboe": 68, "organ": 19, "saxophone": 65, "trombone": 57, "trumpet": 56,
    "tuba": 58, "violin": 40, "xylophone": 13,
}  # fmt: skip
"""General MIDI's program for folders that have the name of an instrument."""
GENERATED = "tones"  # folder of timbres without a model; their numbers are no programs


def held_out_names(names: Sequence[str]) -> set[str]:
    """The sources of the families held out, and every fifth by checksum of those of none."""
    alone = sorted(
        {name for name in names if family(name) is None},
        key=lambda name: (zlib.crc32(name.encode()), name),
    )
    return {name for name in names if family(name) in HELD_OUT} | set(alone[::EVERY])


def family(name: str) -> str | None:
    """Of a source: a program of a SoundFont (``FluidR3_GM/060``) or a folder (``npm/flute``)."""
    folder, _, own = name.rpartition("/")
    if folder == GENERATED:
        return None
    numbered = len(own) == 3 and own.isascii() and own.isdigit()
    program = int(own) if numbered else PROGRAMS.get(own.replace("_", "-"))
    if program is None or program >= 8 * len(FAMILIES):
        return None
    return ELSEWHERE.get(program, FAMILIES[program // 8])
