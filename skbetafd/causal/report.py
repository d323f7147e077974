"""CriterionReport: what the checker found, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from .graphs import Nodes, listed

MEANINGS = {
    "(0)": "no auxiliary is an effect of treatment or mediator",
    "(i)": "the mediator intercepts every directed path from treatment to outcome",
    "(ii)": "the auxiliaries block every back-door path from treatment to mediator",
    "(iii)": "treatment and auxiliaries block every back-door path from mediator to outcome",
}


@dataclass(frozen=True)
class CriterionReport:
    """What `check_criterion` found; true in a condition where the criterion is satisfied.

    Attributes
    ----------
    satisfied : bool
        Whether all four conditions hold.
    conditions : dict of str to bool
        Whether each of ``"(0)"``, ``"(i)"``, ``"(ii)"``, ``"(iii)"`` holds.
    failures : dict of str to str
        For each condition that fails, a path that breaks it, in words.
    paths : dict of str to tuple of nodes
        The same paths as nodes, in order. A bidirected edge u ↔ v counts as the hidden node that
        it stands for, spelled U(u, v).
    vacuous : bool
        Whether there is no directed path treatment → mediator → outcome: the adjustment then says
        that doing the treatment leaves the outcome alone.
    population_effect_shortcut : bool
        Whether mediator ⟂ auxiliaries | treatment once the edges into the treatment are cut. Where
        the criterion is satisfied, `stochastic_adjustment` then equals P(y | do t).
    anti_causal : bool
        Whether the outcome is a cause of the treatment.
    treatment, outcome, mediator, auxiliary : tuple of nodes
        The sets that were checked, in the graph's order.

    See Also
    --------
    check_criterion : Gives it.
    """

    satisfied: bool
    conditions: dict[str, bool]
    failures: dict[str, str]
    paths: dict[str, Nodes]
    vacuous: bool
    population_effect_shortcut: bool
    anti_causal: bool
    treatment: Nodes
    outcome: Nodes
    mediator: Nodes
    auxiliary: Nodes

    def __bool__(self) -> bool:
        return self.satisfied

    def __str__(self) -> str:
        rows = [
            f"  {name:<5}  {'holds' if holds else 'fails'}  {text}"
            for name, holds, text in self._rows()
        ]
        return "\n".join([self._headline(), f"  {self._roles()}", *rows, *self._remarks("  ")])

    def _repr_html_(self) -> str:
        cells = (
            f"<tr><td>{name}</td><td>{'✓' if holds else '✗'}</td><td>{escape(text)}</td></tr>"
            for name, holds, text in self._rows()
        )
        remarks = "".join(f"<p>{escape(remark)}</p>" for remark in self._remarks())
        caption = f"<caption>{self._headline()}<br>{escape(self._roles())}</caption>"
        return f"<table>{caption}{''.join(cells)}</table>{remarks}"

    def _headline(self) -> str:
        verdict = "satisfied" if self.satisfied else "not satisfied"
        return f"β-generalised front-door criterion: {verdict}"

    def _roles(self) -> str:
        return (
            f"treatment {listed(self.treatment)}; outcome {listed(self.outcome)}; "
            f"mediator {listed(self.mediator)}; auxiliary {listed(self.auxiliary)}"
        )

    def _rows(self) -> Iterator[tuple[str, bool, str]]:
        for name, meaning in MEANINGS.items():
            failure = self.failures.get(name)
            yield name, self.conditions[name], meaning + (f": {failure}" if failure else "")

    def _remarks(self, indent: str = "") -> Iterator[str]:
        if self.anti_causal:
            yield f"{indent}anti-causal: the outcome causes the treatment"
        if self.vacuous:
            yield f"{indent}vacuous: no directed path treatment → mediator → outcome"
        if self.satisfied and self.population_effect_shortcut:
            yield f"{indent}stochastic_adjustment equals the population effect P(y | do t)"
