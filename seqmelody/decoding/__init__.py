"""Decoders: from an :class:`~seqmelody.emission.Emission` to notes. They never see audio."""

# Names alone, here so that help texts need neither numpy nor torch.
HEADS = ("ctc", "window")  # the decoders of one head
MODES = (*HEADS, "both", "joint")  # all of them; the first is the default
SEARCH_NAMES = ("greedy", "beam", "ctcdecode")  # of seqmelody.decoding.ctc.SEARCHES
