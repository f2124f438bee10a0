"""Reason about a machine's measured roofs: records, physics, a store and views of them."""

__version__ = "0.1.0"
