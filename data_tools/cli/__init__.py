"""The verbs of ``python -m data_tools``: one thin handler each; the work is in other modules."""
