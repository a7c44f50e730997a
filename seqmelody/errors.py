"""Errors that a user can act on. The command line prints them as one line, never as a traceback."""


class SeqMelodyError(Exception):
    """Base class: something SeqMelody was asked to do cannot be done."""


class InputError(SeqMelodyError, ValueError):
    """The input is unusable; the message names it, says why and what to do."""


class OutputError(SeqMelodyError, OSError):
    """The result cannot be written; the message names the path and the remedy."""


class CheckpointError(SeqMelodyError, ValueError):
    """A model file is unreadable or not one of ours."""
