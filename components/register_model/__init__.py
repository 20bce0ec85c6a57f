"""Decides by the gate whether a model becomes champion, and registers it with its papers."""
