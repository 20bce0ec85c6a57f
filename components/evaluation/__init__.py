"""How well a model that was scored does: the same for every step that scores one.

`trials` holds the decision rule and needs NumPy alone; `evaluate` puts all of it together.
"""
