"""`howdah bench`: how fast is this, here, against the bare driver beside it.

Every workload goes through the public API and, in turns with it, does the same SQL by the bare
driver (A B A B...), so that whatever disturbs the machine disturbs both. The figures of a side are
the medians of its laps.
"""
