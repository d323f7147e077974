"""TrainingHistoryDisplay: losses over the epochs of a fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..diagnosis._unwrap import inside
from ._display import BLACK, Display, label_axes, line_keywords, plain

WIDE = (7.5, 4.0)
"""Inches; the legend of many terms stands beside the axes."""

LEGEND = {
    "criterion": "criterion (weighted sum)",
    "held out": "held out (cross-entropy alone)",
}
"""How to read the two that are not of one size."""


class TrainingHistoryDisplay(Display):
    """The loss over the epochs, its terms, and the epoch that early stopping kept.

    Make it by `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    losses : mapping of str to ndarray of shape (n_epochs,)
        Mean loss a row in each epoch, by the name in the legend; NaN where an epoch has none.
    best_epoch : int, default=None
        The epoch that was kept, from 1; None marks none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the lines.
    figure_ : matplotlib Figure
        Figure with the axes.
    lines_ : dict of str to matplotlib Line2D
        By the keys of `losses`.
    best_epoch_line_ : matplotlib Line2D or None
        The vertical line at `best_epoch`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skbetafd import FrontDoorMultiModalClassifier
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> from skbetafd.plots import TrainingHistoryDisplay
    >>> data = make_confounded_modalities(400, random_state=0)
    >>> clf = FrontDoorMultiModalClassifier(max_epochs=5, random_state=0).fit(data.X, data.y)
    >>> display = TrainingHistoryDisplay.from_estimator(clf)
    >>> list(display.losses)[:4]
    ['criterion', 'seeing', 'partial', 'outcome']
    >>> plt.close(display.figure_)
    """

    best_epoch_line_: Any

    def __init__(self, *, losses: Mapping[str, np.ndarray], best_epoch: int | None = None) -> None:
        self.losses = losses
        self.best_epoch = best_epoch

    def plot(
        self, ax: Any = None, *, terms: Sequence[str] | None = None, **kwargs: Any
    ) -> TrainingHistoryDisplay:
        """Draw the losses; on a log scale where the largest is ten times the smallest.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        terms : sequence of str, default=None
            Keys of `losses` to draw; None draws all.
        **kwargs : dict
            Passed to matplotlib's ``Axes.plot`` for every line.

        Returns
        -------
        TrainingHistoryDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a term is unknown, or `losses` is not a sequence of losses by each name.
        """
        self._check_losses()
        listed = isinstance(terms, Iterable) and not isinstance(terms, str)
        chosen = list(self.losses) if terms is None else list(terms) if listed else []
        unknown = [term for term in chosen if term not in self.losses]
        if unknown or not chosen:
            raise ValueError(f"terms must be a list of some of {list(self.losses)}, got {terms!r}")
        with self._drawing(ax, size=WIDE) as (self.ax_,):
            self.lines_, self.best_epoch_line_ = {}, None
            for term in chosen:
                values = np.asarray(self.losses[term], dtype=float)
                position, every = list(self.losses).index(term), max(1, len(values) // 10)
                label = plain(LEGEND.get(term, term))
                style = line_keywords(position, kwargs, markevery=every, label=label)
                epochs = np.arange(1, len(values) + 1)
                (self.lines_[term],) = self.ax_.plot(epochs, values, **style)
            if self.best_epoch is not None:
                label = f"kept: epoch {self.best_epoch}"
                self.best_epoch_line_ = self.ax_.axvline(
                    self.best_epoch, color=BLACK, linestyle=":", label=label
                )
            self._scale(chosen)
            self._legend(list(self.lines_.values()))
        return self

    def _check_losses(self) -> None:
        losses = self.losses
        if not isinstance(losses, Mapping) or not losses:
            raise ValueError(f"losses must be a dict of one loss or more by name, got {losses!r}")
        for name, values in losses.items():
            array = np.asarray(values)
            if array.ndim != 1 or not len(array) or array.dtype.kind not in "biuf":
                raise ValueError(f"losses must be a number per epoch, got {values!r} for {name!r}")
            if not 1 <= (self.best_epoch or 1) <= len(array):
                raise ValueError(
                    f"best_epoch must be one of {len(array)} epochs, got {self.best_epoch!r}"
                )

    def _scale(self, terms: list[str]) -> None:
        from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

        ax = self.ax_
        values = np.concatenate([np.asarray(self.losses[term], dtype=float) for term in terms])
        values = values[np.isfinite(values)]
        if len(values) and 0 < 10 * values.min() < values.max():
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter(NullFormatter())
        scale = " (log scale)" if ax.get_yscale() == "log" else ""  # axes may be drawn in again
        label_axes(ax, "epoch", f"mean loss a row{scale}")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        terms: Sequence[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> TrainingHistoryDisplay:
        """Draw the ``history_`` of a fitted network.

        Parameters
        ----------
        estimator : FrontDoorMultiModalClassifier, one of skbetafd.baselines, Pipeline or search
            Fitted; a Pipeline or search must end with one of these classifiers. Of several
            networks, members or modalities, the first one's history is drawn.
        terms : sequence of str, default=None
            What to draw: ``"criterion"``, the weighted sum that is minimised; its terms before
            they are weighted, such as ``"outcome"`` (nats); and with early stopping
            ``"held out"``, the cross-entropy of the rows that are held out (nats). None draws all
            that there are.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's ``Axes.plot`` for every line.

        Returns
        -------
        TrainingHistoryDisplay
            Drawn.

        Raises
        ------
        TypeError
            If `estimator` keeps no history.
        ValueError
            If a term is unknown.
        """
        cls._check_matplotlib("from_estimator")
        estimator, _ = inside(estimator)
        if hasattr(estimator, "max_epochs"):
            check_is_fitted(estimator)
        if not hasattr(estimator, "history_"):
            raise TypeError(
                f"estimator must have trained a network, got {type(estimator).__name__}, which "
                "has no history_"
            )
        history = list(estimator.history_)
        seen = {key: None for epoch in history for key in epoch if key.endswith("_loss")}
        keys = sorted(seen, key=lambda key: key not in ("train_loss", "valid_loss"))
        losses = {
            _name(key): np.array([epoch.get(key, np.nan) for epoch in history], dtype=float)
            for key in keys
        }
        best = getattr(estimator, "best_epoch_", None)
        if best is None and getattr(estimator, "early_stopping", False) and "held out" in losses:
            best = 1 + int(np.nanargmin(losses["held out"]))
        return cls(losses=losses, best_epoch=best).plot(ax, terms=terms, **kwargs)


def _name(key: str) -> str:
    """Name a loss for the legend: "train_loss" is the criterion, "train_label_loss" its term."""
    known = {"train_loss": "criterion", "valid_loss": "held out"}
    return known.get(key, key.removeprefix("train_").removesuffix("_loss").replace("_", " "))
