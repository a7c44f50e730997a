"""What the verbs of the command line do; :mod:`seqmelody.cli` declares their options."""
