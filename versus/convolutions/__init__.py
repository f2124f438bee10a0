"""Our convolutions against those of the libraries that people use, in turn on this machine."""
