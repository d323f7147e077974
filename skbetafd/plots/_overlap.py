"""OverlapDisplay: how much of the adjustment rests on what training has seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnosis._overlap import Overlap, overlap
from ..inputs.labels import one_value_per_row
from ..nn.reference_support import LEAST_SUPPORT
from ._display import GREY, MOST_INSIDE, Display, label_axes, legend, line_keywords, plain


class OverlapDisplay(Display):
    """Which share of rows has how much support, and how many references stand behind it.

    Two cumulative distributions over rows: of the supported weight, on whose left the weak rows
    are, and of the effective number of references. Make it by `from_estimator` or `from_overlap`.
    All parameters are stored as attributes.

    Parameters
    ----------
    report : Overlap
        What `skbetafd.overlap` has found.
    groups : array-like of shape (n_samples,), default=None
        The class or the environment of each row: one line for each. None draws all rows as one.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Of the supported weight and, unless one Axes was given, of the effective references.
    figure_ : matplotlib Figure
        Figure with the axes.
    lines_ : list of lists of matplotlib Line2D
        The lines on each of the axes.
    threshold_ : matplotlib artist
        The strip in which rows are weak.

    See Also
    --------
    skbetafd.overlap : The numbers behind it.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skbetafd import FrontDoorMultiModalClassifier
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> from skbetafd.plots import OverlapDisplay
    >>> data = make_confounded_modalities(400, random_state=0)
    >>> clf = FrontDoorMultiModalClassifier(max_epochs=5, random_state=0).fit(data.X, data.y)
    >>> display = OverlapDisplay.from_estimator(clf, data.X, groups=data.y)
    >>> display.axes_.shape
    (2,)
    >>> plt.close(display.figure_)
    """

    threshold_: Any

    def __init__(self, *, report: Overlap, groups: Any = None) -> None:
        self.report = report
        self.groups = groups

    def plot(self, ax: Any = None, **kwargs: Any) -> OverlapDisplay:
        """Draw the two distributions.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of two, default=None
            Where to draw; one Axes is for the supported weight alone. None makes a figure of two.
        **kwargs : dict
            Passed to matplotlib's ``Axes.ecdf`` for every line.

        Returns
        -------
        OverlapDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If neither one nor two axes are given, or `groups` has not a value a row.
        TypeError
            If `report` is no Overlap.
        """
        if not isinstance(self.report, Overlap):
            raise TypeError(f"report must be an Overlap, got {self.report!r}")
        shown = {
            "supported weight (share)": self.report.supported,
            "effective references (number)": self.report.effective_references,
        }
        chosen = self._groups()
        columns = 2 if ax is None or np.size(ax) != 1 else 1
        with self._drawing(ax, columns=columns, size=(4.7, 4.0)) as axes:
            self.axes_, self.lines_ = axes, []
            weak = {"color": GREY, "alpha": 0.15, "linewidth": 0}
            label = f"weak: less than {LEAST_SUPPORT:g}"
            self.threshold_ = axes[0].axvspan(0, LEAST_SUPPORT, label=label, **weak)
            axes[0].set_xlim(0, 1.02)
            for axis, (name, values) in zip(axes, shown.items(), strict=False):
                lines = []
                for position, (label, rows) in enumerate(chosen):
                    style = line_keywords(position, kwargs, label=label, markevery=0.1)
                    lines.append(axis.ecdf(values[rows], **style))
                self.lines_.append(lines)
                label_axes(axis, name, "share of rows at or below")
            beside = len(chosen) >= MOST_INSIDE
            legend(axes[-1 if beside else 0], self.lines_[0], last=[self.threshold_])
        return self

    def _groups(self) -> list[tuple[str, np.ndarray]]:
        """Label and rows of each line; the label tells the share of weak rows."""
        weak, complete = self.report.weak, ~np.isnan(self.report.supported)
        if self.groups is None:
            return [(f"{self.report.share_weak:.0%} of {complete.sum()} rows weak", complete)]
        groups = one_value_per_row(self.groups, "groups", len(weak))
        chosen = [(plain(g), complete & (groups == g)) for g in np.unique(groups[complete])]
        return [
            (f"{group}: {weak[rows].mean():.0%} of {rows.sum()} rows weak", rows)
            for group, rows in chosen
        ]

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, groups: Any = None, ax: Any = None, **kwargs: Any
    ) -> OverlapDisplay:
        """Ask a fitted classifier at which rows its adjustment extrapolates, and draw it.

        Parameters
        ----------
        estimator : FrontDoorMultiModalClassifier, Pipeline or search
            As in `skbetafd.overlap`.
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows; those that lack a modality are left out.
        groups : array-like of shape (n_samples,), default=None
            The class or the environment of each row: one line for each, sorted.
        ax : matplotlib Axes or sequence of two, default=None
            Where to draw; one Axes is for the supported weight alone. None makes a figure of two.
        **kwargs : dict
            Passed to matplotlib's ``Axes.ecdf`` for every line.

        Returns
        -------
        OverlapDisplay
            Drawn.

        Raises
        ------
        ValueError, TypeError
            As `skbetafd.overlap`.

        Warns
        -----
        OverlapWarning, UserWarning
            If more than 5 % of the rows are weak, and of rows left out, as `skbetafd.overlap` does.
        """
        cls._check_matplotlib("from_estimator")
        return cls.from_overlap(overlap(estimator, X), groups=groups, ax=ax, **kwargs)

    @classmethod
    def from_overlap(
        cls, report: Overlap, *, groups: Any = None, ax: Any = None, **kwargs: Any
    ) -> OverlapDisplay:
        """Draw what `skbetafd.overlap` has found.

        Parameters
        ----------
        report : Overlap
            Of the rows.
        groups, ax, **kwargs
            As in `from_estimator`.

        Returns
        -------
        OverlapDisplay
            Drawn.
        """
        return cls(report=report, groups=groups).plot(ax, **kwargs)
