"""Turns the clips of one shard into square frames with a measure of their quality."""
