"""How errors look on the command line."""

from __future__ import annotations

from seqmelody.errors import SeqMelodyError


def error_line(error: SeqMelodyError) -> str:
    """One line, even where a file name holds line breaks."""
    return "seqmelody: error: " + " ".join(str(error).splitlines())
