"""Matrix products and element-by-element operators: kernels, called from tables of addresses."""
