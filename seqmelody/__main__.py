"""``python -m seqmelody``: the command line, for launchers that start modules (torchrun)."""

from seqmelody.cli import main

if __name__ == "__main__":  # worker processes import this file too
    main()
