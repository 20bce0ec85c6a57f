"""Writes the champion as a TensorFlow SavedModel, for servers that take nothing else."""
