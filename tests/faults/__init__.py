"""Faults of the disk and kills, injected into everything that writes: the old state or the new one must be left.

`faults.c` makes system calls fail, `library.py` drives it, `kinds.py` names the kinds of faults, `scenarios/` has the
changes that are tried, each a `Scenario` (`scenario.py`). `injection.py` injects one fault and looks at what is left.
`run.py` is the process that does it; `tests/test_faults.py` asks it for a sample, `benchmarks/faults.py` for all.
"""
