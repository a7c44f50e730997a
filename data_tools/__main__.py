"""Command line of the data tools: ``python -m data_tools --help``."""

from __future__ import annotations

import sys
from typing import Any

import typer

from data_tools.cli import banks, corpus, models, sets
from seqmelody.errors import SeqMelodyError

app = typer.Typer(help="Make the data that SeqMelody trains on.", no_args_is_help=True)

# In the order of the help.
for verb in (
    corpus.corpus,
    banks.bank,
    banks.fetch,
    banks.tunes,
    banks.voice,
    sets.render,
    sets.check,
    sets.stats,
    sets.shard,
    models.calibrate,
    models.average,
    models.lm,
    sets.example,
):
    app.command()(verb)
app.command("import", help=sets.import_help())(sets.import_)


def main() -> None:
    """Run the command line; errors are one line each."""
    try:
        app(standalone_mode=True)
    except SeqMelodyError as error:
        sys.exit(_complain(error))


def _complain(error: Any) -> int:
    print(f"data_tools: error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
