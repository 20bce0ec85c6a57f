"""Builds every requested backbone once and exports it for all shards."""
