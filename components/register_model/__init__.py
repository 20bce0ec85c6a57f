"""Registers the champion in MLflow, and fetches it back with its digests checked."""
