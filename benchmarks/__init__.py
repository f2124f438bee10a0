"""Measure: kernels written as explicit vector code, timed by pinned teams on pre-faulted pages.

A package of the checkout, reached as a child process: ``python -m benchmarks``.
"""
