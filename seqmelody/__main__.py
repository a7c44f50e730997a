"""``python -m seqmelody``: the command line, for launchers that start modules (torchrun)."""

from seqmelody.cli import main

main()
