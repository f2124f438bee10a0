"""Who runs an operator: our kernels first, then the libraries that people use."""
