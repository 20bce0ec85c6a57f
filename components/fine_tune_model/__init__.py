"""Trains a backbone end to end, from pixels, and survives being killed while it does."""
