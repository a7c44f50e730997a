"""What note lists are worth to train on; :mod:`benchmarks.weak_labels.__main__` runs the study."""
