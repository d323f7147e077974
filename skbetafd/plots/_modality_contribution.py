"""ModalityContributionDisplay: Shapley values of the modalities, in all and by class."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.sklearn_compat import style_keywords
from ..diagnosis import ModalityContributions, modality_contributions
from ._path_scores import is_loss, score_label
from ._style import (
    BLUE,
    GREY,
    blue_white_orange,
    check_keywords,
    drawn_or_not,
    finish,
    get_axes,
    plain,
)

LEAST_FONT, MOST_FONT = 5.0, 9.0
"""Points; smaller numbers can't be read in print."""


TABLE = "table of recalls"
"""Marks the images of this display, whose colour bars it may remove."""

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue, as ITU-R BT.601 weighs them."""


class ModalityContributionDisplay:
    """What each modality adds to a classifier's score: its Shapley value.

    In all, as bars with whiskers that span the interval over rows; or by class, as a table of
    numbers on colours. Make it by `from_estimator` or `from_contributions`. All parameters are
    stored as attributes.

    Parameters
    ----------
    contributions : ModalityContributions
        What `modality_contributions` has found.
    scoring : str or callable, default=None
        What they are of, for the axis; None is accuracy where there are values by class (with
        another score there are none), else a score without a name.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the bars or the table.
    figure_ : matplotlib Figure
        Figure with the axes.
    bars_ : matplotlib BarContainer or None
        The bars; None by class.
    whiskers_ : matplotlib ErrorbarContainer or None
        The intervals; None by class, and for a score that gives none.
    image_ : matplotlib AxesImage or None
        The table's colours; None in all.
    texts_ : list of matplotlib Text
        The table's numbers; empty where they would be too small to read.

    See Also
    --------
    skbetafd.modality_contributions : The numbers behind it.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> from skbetafd.plots import ModalityContributionDisplay
    >>> data = make_confounded_modalities(400, random_state=0)
    >>> clf = LogisticRegression().fit(data.X, data.y)
    >>> display = ModalityContributionDisplay.from_estimator(clf, data.X, data.y, random_state=0)
    >>> display.plot(by_class=True).ax_.get_ylabel()
    'class'
    >>> plt.close("all")
    """

    ax_: Any
    figure_: Any
    bars_: Any
    whiskers_: Any
    image_: Any
    texts_: list[Any]

    def __init__(self, *, contributions: ModalityContributions, scoring: Any = None) -> None:
        self.contributions = contributions
        self.scoring = scoring

    @drawn_or_not
    def plot(
        self, ax: Any = None, *, by_class: bool = False, **kwargs: Any
    ) -> ModalityContributionDisplay:
        """Draw the values.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure, by class one that grows with their number.
        by_class : bool, default=False
            Whether to draw the values of each class's recall instead of those of the score. A
            class without a row of positive weight is hatched.
        **kwargs : dict
            Passed to matplotlib's ``Axes.barh`` or, by class, ``Axes.imshow``.

        Returns
        -------
        ModalityContributionDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If values by class are asked for and there are none, the score not being accuracy.
        TypeError
            If `contributions` are none of `modality_contributions`, or `by_class` is no boolean.
        """
        check_keywords(self.plot, kwargs, draws="imshow" if by_class else "barh")
        if not isinstance(self.contributions, ModalityContributions):
            raise TypeError(
                f"contributions must be ModalityContributions, got {self.contributions!r}"
            )
        if not isinstance(by_class, bool):
            raise TypeError(f"by_class must be True or False, got {by_class!r}")
        for text in getattr(self, "texts_", []):
            if ax is not None and text.axes is ax:  # drawn here before
                text.remove()
        self.bars_ = self.whiskers_ = self.image_ = None
        self.texts_ = []
        return self._table(ax, kwargs) if by_class else self._bars(ax, kwargs)

    def _bars(self, ax: Any, user: dict[str, Any]) -> ModalityContributionDisplay:
        found = self.contributions
        ax = get_axes(ax, self, (5.5, 1.7 + 0.4 * len(found.names)))
        places = np.arange(len(found.names))
        style = style_keywords({"color": BLUE, "height": 0.6}, user)
        self.bars_ = ax.barh(places, found.values, **style)
        low, high = found.interval.T
        has = not np.isnan(found.interval).all()
        if has:
            style = {"fmt": "none", "ecolor": "black", "capsize": 4, "elinewidth": 1.5}
            self.whiskers_ = ax.errorbar(
                (low + high) / 2, places, xerr=(high - low) / 2, label="interval", **style
            )
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_yticks(places, list(map(plain, found.names)))
        ax.set_ylim(len(places) - 0.5, -0.5)
        said = f"\nwhiskers: {found.confidence_level:.0%} interval over rows" if has else ""
        label = f"Shapley value of {self._score_name()}{said}"
        whole = f"all modalities {found.score:.3g}, none {found.score_without_any:.3g}"
        finish(ax, xlabel=label, ylabel="modality", title=f"score with {whole}")
        ax.title.set_fontsize("medium")
        return self

    def _score_name(self) -> str:
        if self.scoring is None and self.contributions.by_class is None:
            return "the score"
        sign = "−" if is_loss(self.scoring) else ""
        return sign + score_label(self.scoring)

    def _table(self, ax: Any, user: dict[str, Any]) -> ModalityContributionDisplay:
        found, values = self.contributions, self.contributions.by_class
        if values is None:
            raise ValueError(
                "by_class=True needs contributions to accuracy: of another score there are none by "
                f"class (scoring={self.scoring!r})"
            )
        n_classes, n_modalities = values.shape
        size = (2.6 + 0.8 * n_modalities, min(1.4 + 0.3 * max(n_classes, 3), 12.0))
        ax = get_axes(ax, self, size)
        most = float(np.nanmax(np.abs(values))) or 1.0
        own = {"cmap": blue_white_orange(), "vmin": -most, "vmax": most, "aspect": "auto"}
        self.image_ = ax.imshow(np.ma.masked_invalid(values), **(own | user))
        _remove_colour_bars(ax)
        self.image_.set_gid(TABLE)
        bar = self.figure_.colorbar(self.image_, ax=ax)
        bar.set_label("Shapley value of\nthe class's recall\n(share of its rows)")
        font, step = _font_and_step(ax, n_classes)
        names = list(map(plain, found.names))
        ax.set_xticks(range(n_modalities), names, rotation=30, ha="right")
        classes = list(map(plain, found.classes[::step]))
        ax.set_yticks(range(0, n_classes, step), classes, fontsize=max(font, 6))
        ax.set(xlabel="modality", ylabel="class")
        empty = np.flatnonzero(np.isnan(values).all(axis=1))
        for row in empty:
            ax.axhspan(row - 0.5, row + 0.5, fill=False, hatch="////", edgecolor=GREY, linewidth=0)
        if font >= LEAST_FONT:
            self._write(values, set(empty.tolist()), font)
        return self

    def _write(self, values: np.ndarray, empty: set[int], font: float) -> None:
        middle = (values.shape[1] - 1) / 2
        centred = {"ha": "center", "va": "center", "fontsize": font}
        colours = self.image_.to_rgba(values)[..., :3] @ LUMINANCE
        for row, own in enumerate(values):
            if row in empty:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
                text = f"{plain(self.contributions.classes[row])}: no row of positive weight"
                self.texts_.append(self.ax_.text(middle, row, text, bbox=box, **centred))
                continue
            for column, value in enumerate(own):
                colour = "black" if colours[row, column] > 0.45 else "white"
                text = f"{value:+.2f}".replace("-", "−")
                self.texts_.append(self.ax_.text(column, row, text, color=colour, **centred))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        by_class: bool = False,
        method: str = "mean",
        background: Any = None,
        scoring: Any = None,
        sample_weight: Any = None,
        n_repeats: int = 5,
        n_bootstrap: int = 200,
        confidence_level: float = 0.95,
        random_state: int | np.random.RandomState | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ModalityContributionDisplay:
        """Share a fitted classifier's score among the modalities, and draw it.

        Parameters
        ----------
        estimator, X, y : as in `skbetafd.modality_contributions`
            A fitted classifier, rows and their labels.
        by_class : bool, default=False
            As in `plot`; with accuracy only.
        method, background, scoring, sample_weight, n_repeats, n_bootstrap, confidence_level, \
random_state
            As in `skbetafd.modality_contributions`.
        ax, **kwargs
            As in `plot`.

        Returns
        -------
        ModalityContributionDisplay
            Drawn.

        Raises
        ------
        ValueError, TypeError
            As `skbetafd.modality_contributions`, and as `plot`.
        """
        check_keywords(cls.from_estimator, kwargs, draws="imshow" if by_class else "barh")
        found = modality_contributions(
            estimator,
            X,
            y,
            method=method,
            background=background,
            scoring=scoring,
            sample_weight=sample_weight,
            n_repeats=n_repeats,
            n_bootstrap=n_bootstrap,
            confidence_level=confidence_level,
            random_state=random_state,
        )
        return cls.from_contributions(found, scoring=scoring, by_class=by_class, ax=ax, **kwargs)

    @classmethod
    def from_contributions(
        cls,
        contributions: ModalityContributions,
        *,
        scoring: Any = None,
        by_class: bool = False,
        ax: Any = None,
        **kwargs: Any,
    ) -> ModalityContributionDisplay:
        """Draw what `skbetafd.modality_contributions` has found.

        Parameters
        ----------
        contributions : ModalityContributions
            The values.
        scoring : str or callable, default=None
            What they were made with, for the axis.
        by_class, ax, **kwargs
            As in `plot`.

        Returns
        -------
        ModalityContributionDisplay
            Drawn.

        Raises
        ------
        ValueError
            As `plot`.
        """
        return cls(contributions=contributions, scoring=scoring).plot(
            ax, by_class=by_class, **kwargs
        )


def _remove_colour_bars(ax: Any) -> None:
    """Those of a table that was drawn here before."""
    for image in ax.images:
        bar = image.colorbar
        if image.get_gid() == TABLE and bar is not None and bar.ax in ax.figure.axes:
            bar.remove()


def _font_and_step(ax: Any, n_rows: int) -> tuple[float, int]:
    """Font size in points for rows of a table, and which rows to name so that none overlap."""
    inches = ax.get_window_extent().height / ax.figure.dpi
    points = 72 * inches / n_rows
    return min(MOST_FONT, 0.7 * points), max(1, int(np.ceil(8 / points)))
