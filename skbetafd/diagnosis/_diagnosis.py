"""Diagnosis: what `diagnose` has found, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass

JOINT = "joint"

WORTHWHILE = 0.005
"""Half a point of accuracy: a smaller gain is not worth another rule."""

IMBALANCED = 0.05
"""Five points of accuracy between the best and the worst modality: this library's convention."""


PROBE_BELOW = 1000
"""With fewer rows the ridge probe ranks the modalities: of 45 pairs of views of the digits (15, 3
seeds) it agrees with networks on held-out rows in 93, 87 and 98 % at 100, 250 and 600 rows, the
networks' own out-of-fold ranking in 84, 87 and 93 %."""


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis:
    """What out-of-fold comparisons say of the modalities.

    Attributes
    ----------
    predominant : str
        The modality with the best out-of-fold accuracy alone.
    predominant_lead : float
        Its accuracy minus the runner-up's.
    predominant_ci : tuple of (float, float)
        Bootstrap interval over rows of that lead; with 0 in it, which modality is predominant is
        not sure.
    runner_up, weakest : str
        The second-best and the worst modality alone.
    alone : dict of str to float
        Out-of-fold accuracy of each modality alone, over the rows that have it: of a network, or
        of a quadratic ridge probe where there are fewer than 1,000 rows.
    spread, spread_ci : float, tuple of (float, float)
        Accuracy of the predominant minus the weakest modality, with its interval.
    imbalanced : bool
        Whether that interval lies above .05.
    recommendation : {"balance", "predominant-first", "nothing"}
        What to do in joint training.
    rule : str or None
        The ``balancing`` of FusionClassifier that stands behind it; None for "nothing".
    scores : dict of str to float
        Cross-validated accuracy of plain joint training (``"joint"``) and of each rule.
    gains : dict of str to float
        Each rule's accuracy minus that of plain joint training.
    p_values : dict of str to float
        One-sided, of the gain > 0: the larger one of a test over folds and one over rows, times
        the number of rules (Bonferroni), at most 1.
    competition : float
        Accuracy of the predominant modality alone minus that of plain joint training on the same
        folds, both at the rows that have the modality; positive means that joint training failed.
    skipped : dict of str to str
        Rules that could not be tried, and why.
    n_samples : int
        Number of rows.
    confidence_level : float
        Of the intervals; a rule is significant at one minus this.

    See Also
    --------
    diagnose : Gives it.
    """

    predominant: str
    predominant_lead: float
    predominant_ci: tuple[float, float]
    runner_up: str
    weakest: str
    alone: dict[str, float]
    spread: float
    spread_ci: tuple[float, float]
    imbalanced: bool
    recommendation: str
    rule: str | None
    scores: dict[str, float]
    gains: dict[str, float]
    p_values: dict[str, float]
    competition: float
    skipped: dict[str, str]
    n_samples: int
    confidence_level: float

    def __str__(self) -> str:
        return "\n".join([self._predominance(), self._imbalance(), self._advice(), *self._trials()])

    __repr__ = __str__

    def _predominance(self) -> str:
        low, high = self.predominant_ci
        sure = "" if low > 0 else "; the two may well be level"
        return (
            f"Predominant modality: {self.predominant!r}, {self._alone} right in "
            f"{self.alone[self.predominant]:.1%} of rows, {self.predominant_lead * 100:.1f} points "
            f"ahead of {self.runner_up!r} ({self.confidence_level:.0%} interval {low * 100:.1f} to "
            f"{high * 100:.1f}{sure})."
        )

    @property
    def _alone(self) -> str:
        return "alone (ridge probe)" if self.n_samples < PROBE_BELOW else "alone"

    def _imbalance(self) -> str:
        low, high = self.spread_ci
        is_so = "the modalities are imbalanced" if self.imbalanced else "no clear imbalance"
        return (
            f"Imbalance: {is_so}; {self.weakest!r} alone is {self.spread * 100:.1f} points behind "
            f"{self.predominant!r} (interval {low * 100:.1f} to {high * 100:.1f}; imbalance is "
            f"more than {IMBALANCED * 100:.0f})."
        )

    def _advice(self) -> str:
        if self.rule is not None:
            return (
                f"Recommendation: {self.recommendation}. FusionClassifier(balancing={self.rule!r}) "
                "is significantly better than plain joint training."
            )
        return (
            f"Recommendation: nothing. None of the {len(self.gains)} rules tried is better than "
            f"plain joint training by more than {WORTHWHILE * 100:.1f} points and significantly so."
        )

    def _trials(self) -> list[str]:
        lines = [f"Plain joint training is right in {self.scores[JOINT]:.1%} of held-out rows."]
        lines += [
            f"  {rule}: {gain * 100:+.1f} points (p = {self.p_values[rule]:.2g})"
            for rule, gain in self.gains.items()
        ]
        lines += [f"  {rule}: not tried, {why}" for rule, why in self.skipped.items()]
        if self.competition > WORTHWHILE:
            lines.append(
                f"Joint training fails: {self.predominant!r} {self._alone} is "
                f"{self.competition * 100:.1f} points better."
            )
        return lines
