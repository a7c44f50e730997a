"""The study that the project began with, redone: which way of hearing windows stands noise best?

    python -m benchmarks.window_study --help

Systems learn from the same small set of composed clips with the same optimiser, and are judged on
clips of other tunes and other instruments, clean and in noise.

1. *Stages*: one classifier of n notes and "no note", or a detector and then a recogniser of n
   notes, with as many weights together?
2. *Windows*: how long, and how far apart?
3. *Encoders*: ours, a recurrent one, and the origin's, an LSTM over raw stereo samples.
4. *Classical* learners on the spectrum of a window, and a recogniser of rules.
5. *Combiners*: what makes the best notes of the shipped weights' windows?

Systems of 1 to 4 answer with classes only, as the origin's did: without an onset cue two equal
notes that touch are one. So their note error rate is taken after joining equal neighbours in the
reference and in what was recognised alike.
"""
