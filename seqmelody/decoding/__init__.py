"""Decoders: from an :class:`~seqmelody.emission.Emission` to notes. They never see audio."""

MODES = ("ctc", "window")  # names of the decoders, here so that help texts need no torch
