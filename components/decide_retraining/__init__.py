"""Decides whether a run trains, or ends because nothing changed since the champion was made."""
