"""Measurements of SeqMelody and of other systems; see README.md in this folder."""
