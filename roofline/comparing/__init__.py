"""What `python -m roofline.compare` does between reading its options and showing its answer."""
