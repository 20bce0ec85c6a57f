"""Gathers the shards' features into one dataset whose sides share no session."""
