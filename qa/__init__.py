"""Question answering with cited answers. The Python API is the package `jawab`."""
