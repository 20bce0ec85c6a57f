"""Lists the clips of a source: whose, how long, into which shard; and what is no use, and why."""
