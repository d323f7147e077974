"""What a fitted classifier shows of itself in scikit-learn's HTML diagram."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import torch

from .._utils.sklearn_compat import DiagramHooks
from ..inputs.validation import Layout
from ..nn.encoders import Encoding

MOST_ROWS = 50
"""Modalities that are shown; a page of thousands would help nobody."""


class ModalityDiagram(DiagramHooks):
    """Adds modalities, predominant modality and β to the diagram of a fitted classifier.

    It reads what `fit` sets, as far as the estimator has it: ``modality_names_``,
    ``predominant_``, and how each modality is read. Before `fit` the diagram is scikit-learn's.
    """

    beta: float
    effect: str
    _layout: Layout
    _encodings: tuple[Encoding, ...]

    def _diagram_caption(self) -> str:
        """Give the line below the estimator's name: which modality predominates, and β."""
        if not hasattr(self, "predominant_"):
            return ""
        without = self._beta_without_effect()
        if without:
            return f"β without effect: {without}"
        effect = f", {self.effect} effect" if self.beta else ""
        said = [f"predominant: {self.predominant_}", f"β = {self.beta}{effect}"]
        return " · ".join(said + ["observed mediator"] * self._has_mediator())

    def _has_mediator(self) -> bool:
        return getattr(self, "_mediator", None) is not None

    def _beta_without_effect(self) -> str:
        """Say why β does not matter to the fitted estimator; nothing where it does."""
        alone = len(self._layout.names) == 1 and not self._has_mediator()
        return "one modality" if alone else ""

    def _diagram_details(self) -> str:
        """Give a table of the modalities, as HTML in scikit-learn's classes."""
        if not hasattr(self, "modality_names_"):
            return ""
        rows = list(self._modality_rows())
        head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
        body = "".join(
            f'<tr class="default">{"".join(f"<td>{escape(cell)}</td>" for cell in row.values())}'
            "</tr>"
            for row in rows[:MOST_ROWS]
        )
        more = f"<tr><td>… and {len(rows) - MOST_ROWS} more</td></tr>" * (len(rows) > MOST_ROWS)
        return (
            '<div class="estimator-table"><details open><summary>Modalities</summary>'
            f'<table class="parameters-table"><tbody><tr>{head}</tr>{body}{more}</tbody></table>'
            "</details></div>"
        )

    def _modality_rows(self) -> Iterator[dict[str, str]]:
        roles = self._roles()
        encodings = getattr(self, "_encodings", None)
        for i, (name, shape) in enumerate(
            zip(self._layout.names, self._layout.shapes, strict=True)
        ):
            row = {"Modality": name, "Shape of a row": " × ".join(map(str, shape))}
            if encodings is not None:
                row["Encoder"] = _encoder(encodings[i])
            if roles:
                row["Role"] = roles[name]
            yield row

    def _roles(self) -> dict[str, str]:
        """Give what each modality is to the classifier; nothing where all are alike."""
        if not hasattr(self, "predominant_"):
            return {}
        roles = dict.fromkeys(self._layout.names, "auxiliary")
        return {**roles, self.predominant_: "predominant"}


def _encoder(encoding: Encoding) -> str:
    """Name an encoder by its kind, a user's module by its class."""
    if encoding.kind != "module":
        return encoding.kind
    made = encoding.module
    return type(made).__name__ if isinstance(made, torch.nn.Module) else "module"
