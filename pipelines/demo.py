"""The demo: a cohort of people who do not exist, and a run over them."""

from __future__ import annotations

from typing import Final

from components.synthesize_cohort import CohortOptions

DEMO_COHORT: Final = CohortOptions(
    students=12, staff=4, visitors=8, sessions=2, seconds=6.0, size=288, fps=12, processes=2
)
"""Enough people to tell apart that a score means something, few enough for a coffee break."""
