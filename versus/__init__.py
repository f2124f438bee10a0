"""Compare: our figures against what other tools reach on the same machine, in the same minutes.

A package of the checkout, like `calibrate`: the wheel doesn't carry it.
"""
