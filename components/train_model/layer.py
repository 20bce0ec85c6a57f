"""The one layer that a head learns: features to log-probabilities of people and roles.

Softmax regression, so that its gradient is two lines; a framework takes longer to trace it than it
takes to train. `components.train_model.assemble` builds the same as Keras layers, for the model
that ships.

The role is computed from the people: the mean probability of the role's people, normalised. All
roles start with equal odds then, however many people have them, so that a face which is like
nobody's is no student's merely because most people are students. It is computed from logarithms, as
the probability of a role can be too small for a float.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax, logsumexp

if TYPE_CHECKING:
    import numpy.typing as npt

    from components.model_directory import Classes

    Floats = npt.NDArray[np.floating]
    Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Outputs:
    """What the layer says of n frames, as logarithms of probabilities.

    Attributes:
        person: [n, K].
        role: [n, R], of the roles that somebody has.
        within: [n, K], of each person among those of their role.
    """

    person: Floats
    role: Floats
    within: Floats


class Layer:
    """From logits of people to Outputs, and back."""

    def __init__(self, classes: Classes) -> None:
        """For the people of `classes`."""
        self.roles, self.role_of_person = np.unique(classes.role_of_person, return_inverse=True)
        """Which of the classes' roles somebody has, [R], and where each person's is in it, [K]."""
        self._people_of = [
            np.flatnonzero(self.role_of_person == role) for role in range(len(self.roles))
        ]

    def outputs(self, logits: Floats) -> Outputs:
        """Log-probabilities of logits [n, K]."""
        person = log_softmax(logits, axis=1)
        total = np.stack(
            [logsumexp(person[:, people], axis=1) for people in self._people_of], axis=1
        )
        sizes = np.array([len(people) for people in self._people_of], person.dtype)
        within = person - total[:, self.role_of_person]
        return Outputs(person, log_softmax(total - np.log(sizes), axis=1), within)

    def loss(self, said: Outputs, person: Labels, smoothing: float) -> Floats:
        """Cross-entropy in nats of both outputs, [n], where the people are `person` [n].

        With smoothed targets: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, Rethinking the Inception
        Architecture for Computer Vision, CVPR 2016, section 7.
        """
        of_person = (said.person * _targets(person, said.person, smoothing)).sum(1)
        of_role = (said.role * _targets(self.role_of_person[person], said.role, smoothing)).sum(1)
        return -(of_person + of_role)

    def gradient(self, said: Outputs, person: Labels, smoothing: float) -> Floats:
        """Of `loss` to the logits, [n, K].

        To the logits of a softmax it is p - t. A role's logit is the logarithm of a sum over its
        people, whose gradient to a person's is that person's share.
        """
        of_person = np.exp(said.person) - _targets(person, said.person, smoothing)
        role = self.role_of_person[person]
        of_role = np.exp(said.role) - _targets(role, said.role, smoothing)
        return of_person + np.exp(said.within) * of_role[:, self.role_of_person]


def _targets(labels: Labels, like: Floats, smoothing: float) -> Floats:
    targets = np.full_like(like, smoothing / like.shape[1])
    targets[np.arange(len(labels)), labels] += 1 - smoothing
    return targets
