"""ModalityContributionDisplay: Shapley values of the modalities, in all and by class."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnosis import ModalityContributions, modality_contributions
from ._display import BLUE, GREY, Display, is_loss, label_axes, plain, score_label

LEAST_FONT, MOST_FONT = 5.0, 9.0
"""Points; smaller numbers can't be read in print."""


ORANGE_TO_BLUE = ("#8a3d00", "#ffffff", "#00446e")
"""Negative orange, positive blue: told apart by colour-blind readers, and by their numbers."""
LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue, as ITU-R BT.601 weighs them."""


class ModalityContributionDisplay(Display):
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

    bars_: Any
    whiskers_: Any
    image_: Any
    texts_: list[Any]

    def __init__(self, *, contributions: ModalityContributions, scoring: Any = None) -> None:
        self.contributions = contributions
        self.scoring = scoring

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
        if not isinstance(self.contributions, ModalityContributions):
            raise TypeError(
                f"contributions must be ModalityContributions, got {self.contributions!r}"
            )
        if not isinstance(by_class, bool):
            raise TypeError(f"by_class must be True or False, got {by_class!r}")
        if by_class and self.contributions.by_class is None:
            raise ValueError(
                "by_class=True needs contributions to accuracy: of another score there are none by "
                f"class (scoring={self.scoring!r})"
            )
        n_modalities, n_classes = len(self.contributions.names), len(self.contributions.classes)
        size = (5.5, 1.7 + 0.4 * n_modalities)
        if by_class:
            size = (2.6 + 0.8 * n_modalities, min(1.4 + 0.3 * max(n_classes, 3), 12.0))
        with self._drawing(ax, size=size) as (self.ax_,):
            self._remove_table()
            self.bars_ = self.whiskers_ = self.image_ = None
            self.texts_ = []
            if by_class:
                self._draw_table(kwargs)
            else:
                self._draw_bars(kwargs)
        return self

    def _remove_table(self) -> None:
        """Remove the table that was drawn in the same axes before."""
        image = vars(self).get("image_")
        if image is not None and image.axes is self.ax_:
            for artist in (*self.texts_, image.colorbar, image):
                artist.remove()

    def _draw_bars(self, user: dict[str, Any]) -> None:
        ax, found = self.ax_, self.contributions
        places = np.arange(len(found.names))
        self.bars_ = ax.barh(places, found.values, **({"color": BLUE, "height": 0.6} | user))
        label = f"Shapley value of {self._score_name()}"
        if not np.isnan(found.interval).all():
            low, high = found.interval.T
            style = {"fmt": "none", "ecolor": "black", "capsize": 4, "elinewidth": 1.5}
            self.whiskers_ = ax.errorbar(
                (low + high) / 2, places, xerr=(high - low) / 2, label="interval", **style
            )
            label += f"\nwhiskers: {found.confidence_level:.0%} interval over rows"
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_yticks(places, list(map(plain, found.names)))
        ax.set_ylim(len(places) - 0.5, -0.5)
        label_axes(ax, label, "modality")
        whole = f"all modalities {found.score:.3g}, none {found.score_without_any:.3g}"
        ax.set_title(f"score with {whole}", fontsize="medium")

    def _score_name(self) -> str:
        if self.scoring is None and self.contributions.by_class is None:
            return "the score"
        sign = "−" if is_loss(self.scoring) else ""
        return sign + score_label(self.scoring)

    def _draw_table(self, user: dict[str, Any]) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        ax, found = self.ax_, self.contributions
        values = np.asarray(found.by_class)
        most = float(np.nanmax(np.abs(values))) or 1.0
        colours = LinearSegmentedColormap.from_list("contribution", ORANGE_TO_BLUE)
        style = {"cmap": colours, "vmin": -most, "vmax": most, "aspect": "auto"} | user
        self.image_ = ax.imshow(np.ma.masked_invalid(values), **style)
        bar = self.figure_.colorbar(self.image_, ax=ax)
        bar.set_label("Shapley value of\nthe class's recall\n(share of its rows)")
        height = 72 * ax.get_window_extent().height / self.figure_.dpi / len(values)
        font, step = min(MOST_FONT, 0.7 * height), max(1, int(np.ceil(8 / height)))
        names, classes = list(map(plain, found.names)), list(map(plain, found.classes))
        ax.set_xticks(range(len(names)), names, rotation=30, ha="right")
        ax.set_yticks(range(0, len(classes), step), classes[::step], fontsize=max(font, 6))
        ax.set(xlabel="modality", ylabel="class")
        for row in np.flatnonzero(np.isnan(values).all(axis=1)):
            ax.axhspan(row - 0.5, row + 0.5, fill=False, hatch="////", edgecolor=GREY, linewidth=0)
        if font >= LEAST_FONT:
            self._write(values, classes, font)

    def _write(self, values: np.ndarray, classes: list[str], font: float) -> None:
        centred = {"ha": "center", "va": "center", "fontsize": font}
        lightness = self.image_.to_rgba(values)[..., :3] @ LUMINANCE
        for row, own in enumerate(values):
            if np.isnan(own).all():
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
                text = f"{classes[row]}: no row of positive weight"
                middle = (len(own) - 1) / 2
                self.texts_.append(self.ax_.text(middle, row, text, bbox=box, **centred))
                continue
            for column, value in enumerate(own):
                colour = "black" if lightness[row, column] > 0.45 else "white"
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
        cls._check_matplotlib("from_estimator")
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
