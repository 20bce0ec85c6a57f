"""Turns the frames of one shard into features of every backbone."""
