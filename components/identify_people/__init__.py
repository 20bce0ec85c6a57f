"""Says who is in front of a camera, with what a robot has: requirements/edge.txt alone."""

from components.identify_people.identifier import Decision, Identifier

__all__ = ["Decision", "Identifier"]
