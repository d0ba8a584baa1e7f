"""Loops over bytes and numbers, compiled by numba: canonical records to columns, and answers to predictions.

A kernel is plain Python, which runs as it stands with ``NUMBA_DISABLE_JIT=1``. It takes arrays and gives arrays, and
knows no topic. What it does not surely know to be right it declines, and the caller goes the way without kernels, which
is the definition.
"""
