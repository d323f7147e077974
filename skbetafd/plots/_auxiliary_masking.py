"""AuxiliaryMaskingDisplay: the score as more and more of the auxiliary modalities is masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..diagnosis import MaskingCurve, auxiliary_masking_curve
from ..diagnosis._masking_curve import TENTHS
from ..diagnosis._unwrap import inside
from ._display import Display, is_loss, label_axes, line_keywords, plain, score_label


class AuxiliaryMaskingDisplay(Display):
    """Score over the share of auxiliary dimensions that are masked, a line a classifier.

    The band is one standard deviation over the orders of masking. Where a line rises, more of the
    auxiliary modalities is not what that classifier needs. Make it by `from_estimator` or
    `from_curves`. All parameters are stored as attributes.

    Parameters
    ----------
    curves : dict of str to MaskingCurve
        What `auxiliary_masking_curve` gave, by the classifier's name.
    scoring : str or callable, default=None
        What the curves were made with, for the axis; None is accuracy. A loss
        (``"neg_log_loss"``) is drawn as the loss itself, the lower the better.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the lines.
    figure_ : matplotlib Figure
        Figure with the axes.
    lines_ : list of matplotlib Line2D
        One a curve.
    bands_ : list of matplotlib artists
        One a curve of more than one order.

    See Also
    --------
    skbetafd.auxiliary_masking_curve : The numbers behind it.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skbetafd import FrontDoorMultiModalClassifier
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> from skbetafd.plots import AuxiliaryMaskingDisplay
    >>> data = make_confounded_modalities(200, random_state=0)
    >>> clf = FrontDoorMultiModalClassifier(max_epochs=2, random_state=0).fit(data.X, data.y)
    >>> display = AuxiliaryMaskingDisplay.from_estimator(clf, data.X, data.y, random_state=0)
    >>> display.ax_.get_xlabel()
    "share masked of the auxiliary codes' dimensions"
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, curves: Mapping[str, MaskingCurve], scoring: Any = None) -> None:
        self.curves = curves
        self.scoring = scoring

    def plot(self, ax: Any = None, **kwargs: Any) -> AuxiliaryMaskingDisplay:
        """Draw the mean of each curve in a band of one sd.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's ``Axes.plot`` for every line, above this library's own colours.

        Returns
        -------
        AuxiliaryMaskingDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError, ValueError
            If `curves` is no dict of MaskingCurve, or empty.
        """
        self._check_curves()
        kinds = sorted({curve.masked for curve in self.curves.values()})
        orders = sorted({len(curve.scores) for curve in self.curves.values()})
        with self._drawing(ax) as (self.ax_,):
            self.lines_, self.bands_ = [], []
            for position, (name, curve) in enumerate(self.curves.items()):
                label = plain(f"{name} ({curve.masked})" if len(kinds) > 1 else name)
                order = np.argsort(curve.shares, kind="stable")
                scores = curve.scores[:, order] * (-1 if is_loss(self.scoring) else 1)
                half = scores.std(axis=0) if len(scores) > 1 else None
                style = line_keywords(position, kwargs, label=label)
                self._draw_line(curve.shares[order], scores.mean(axis=0), half, style)
            whose = f"{kinds[0]}' " if len(kinds) == 1 else ""
            xlabel = f"share masked of the auxiliary {whose}dimensions"
            label_axes(self.ax_, xlabel, score_label(self.scoring))
            of = f"of {orders[0]} orders" if len(orders) == 1 else "over orders"
            title = f"mean ± sd {of}" if self.bands_ else None
            self._legend(self.lines_, title)
        return self

    def _check_curves(self) -> None:
        curves = self.curves
        if not isinstance(curves, Mapping):
            raise TypeError(f"curves must be a dict of name to MaskingCurve, got {curves!r}")
        if not curves:
            raise ValueError(f"curves must hold at least one MaskingCurve, got {curves!r}")
        for name, curve in curves.items():
            if not isinstance(curve, MaskingCurve):
                raise TypeError(f"curves must hold MaskingCurve, got {curve!r} for {name!r}")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        name: str | None = None,
        shares: Sequence[float] | np.ndarray = TENTHS,
        predominant: str | int | None = None,
        n_repeats: int = 5,
        scoring: Any = None,
        random_state: int | np.random.RandomState | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> AuxiliaryMaskingDisplay:
        """Mask growing shares of the auxiliary modalities of a fitted classifier, and draw it.

        Parameters
        ----------
        estimator, X, y : as in `skbetafd.auxiliary_masking_curve`
            A fitted classifier, rows and their labels.
        name : str, default=None
            For the legend; None takes the name of the classifier's class.
        shares, predominant, n_repeats, scoring, random_state
            As in `skbetafd.auxiliary_masking_curve`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's ``Axes.plot``.

        Returns
        -------
        AuxiliaryMaskingDisplay
            Drawn.

        Raises
        ------
        ValueError, TypeError
            As `skbetafd.auxiliary_masking_curve`.
        """
        cls._check_matplotlib("from_estimator")
        curve = auxiliary_masking_curve(
            estimator,
            X,
            y,
            shares=shares,
            predominant=predominant,
            n_repeats=n_repeats,
            scoring=scoring,
            random_state=random_state,
        )
        name = type(inside(estimator)[0]).__name__ if name is None else name
        return cls.from_curves({name: curve}, scoring=scoring, ax=ax, **kwargs)

    @classmethod
    def from_curves(
        cls,
        curves: Mapping[str, MaskingCurve],
        *,
        scoring: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> AuxiliaryMaskingDisplay:
        """Draw what `skbetafd.auxiliary_masking_curve` gave for several classifiers.

        Parameters
        ----------
        curves : dict of str to MaskingCurve
            By the classifier's name.
        scoring : str or callable, default=None
            What they were made with, for the axis; None is accuracy.
        ax, **kwargs
            As in `from_estimator`.

        Returns
        -------
        AuxiliaryMaskingDisplay
            Drawn.

        Raises
        ------
        TypeError, ValueError
            As `plot`.
        """
        return cls(curves=curves, scoring=scoring).plot(ax, **kwargs)
