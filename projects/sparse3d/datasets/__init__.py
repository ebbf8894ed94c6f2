"""Data sets, one room each, all cut alike.

`prepare`: raw files to info files; `evaluate`: the benchmark's own numbers; `simulate`: drives in
its format; `dataset.py`, `results.py`, `check.py`, `arguments.py`: samples, submissions, checks of
prepared folders, arguments of the command line.
"""
