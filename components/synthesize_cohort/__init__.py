"""Makes a synthetic cohort of videos, so that the demo and the tests need no one's face."""

from components.synthesize_cohort.cohort import CohortOptions, CohortSummary, synthesize_cohort

__all__ = ["CohortOptions", "CohortSummary", "synthesize_cohort"]
