"""Convolution kernels: emitted micro-kernels, called from tables that a schedule writes."""
