"""KnowledgeContextDisplay: a map of what the network takes for knowledge and for context."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np

from .._utils.randomness import private_generator
from ..diagnosis._unwrap import inside
from ..estimators.front_door import FrontDoorMultiModalClassifier
from ..inputs.labels import one_value_per_row
from ._code_maps import (
    CODES,
    LEAST_ROWS,
    categories,
    code_map,
    code_probes,
    codes_and_colours,
    read_codes,
    scatter_categories,
)
from ._style import check_keywords, drawn_or_not, get_panels

METHODS = ("pca", "tsne")


class KnowledgeContextDisplay:
    """Two maps of the same rows, by their knowledge and by their context, in colours.

    Where the split has succeeded, knowledge is grouped by label and mixed as to environments, and
    context the other way round. The picture may deceive, as two dimensions show a part of each
    code: the number above each map is the cross-validated accuracy with which a probe reads the
    colour from the whole code (a ridge linear in all products of two features, as that which finds
    the predominant modality), beside the share of the commonest colour, which needs no code.

    Make it by `from_estimator` or `from_codes`. All parameters are stored as attributes.

    Parameters
    ----------
    points : dict of str to ndarray of shape (n_samples, 2)
        The map of ``"knowledge"`` and of ``"context"``.
    colourings : dict of str to array-like of shape (n_samples,)
        A row of maps for each, under its name: labels, environments. Empty: one row, uncoloured.
    probes : dict of (str, str) to float, default=None
        Accuracy in [0, 1] with which the colouring is read from the code, by (code, colouring).
    axis_names : dict of str to (str, str), default=None
        Labels of the two axes of each map.

    Attributes
    ----------
    axes_ : ndarray of shape (n_colourings, 2) of matplotlib Axes
        Knowledge on the left, context on the right.
    figure_ : matplotlib Figure
        Figure with the axes.
    scatters_ : list of lists of matplotlib PathCollection
        The points on each of the axes, row by row.

    See Also
    --------
    skbetafd.FrontDoorMultiModalClassifier.codes : The codes behind it.

    Notes
    -----
    That a probe fails to read the environment from the knowledge is no proof of independence. Where
    it reads it, the split is partial: β = 1 can still help, which `BetaPathDisplay` measures by
    environments.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skbetafd import FrontDoorMultiModalClassifier
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> from skbetafd.plots import KnowledgeContextDisplay
    >>> data = make_confounded_modalities(400, random_state=0)
    >>> clf = FrontDoorMultiModalClassifier(max_epochs=5, random_state=0).fit(data.X, data.y)
    >>> display = KnowledgeContextDisplay.from_estimator(clf, data.X, y=data.y)
    >>> display.axes_.shape
    (1, 2)
    >>> plt.close(display.figure_)
    """

    axes_: np.ndarray
    figure_: Any
    scatters_: list[list[Any]]

    def __init__(
        self,
        *,
        points: Mapping[str, np.ndarray],
        colourings: Mapping[str, Any],
        probes: Mapping[tuple[str, str], float] | None = None,
        axis_names: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self.points = points
        self.colourings = colourings
        self.probes = probes
        self.axis_names = axis_names

    def _check(self) -> None:
        shapes = {name: np.shape(points) for name, points in self.points.items()}
        n = len(self.points.get("knowledge", ()))
        if shapes != dict.fromkeys(CODES, (n, 2)):
            raise ValueError(f"points must be of shape (n, 2) for each of {CODES}, got {shapes}")
        if not isinstance(self.colourings, Mapping):
            raise TypeError(f"colourings must be a dict of values by name, got {self.colourings!r}")
        for name, values in self.colourings.items():
            one_value_per_row(values, name, n)

    @drawn_or_not
    def plot(self, ax: Any = None, **kwargs: Any) -> KnowledgeContextDisplay:
        """Draw the maps.

        Parameters
        ----------
        ax : array of 2 · n_colourings matplotlib Axes, default=None
            Where to draw, row by row; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's ``Axes.scatter`` for every category.

        Returns
        -------
        KnowledgeContextDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are not two axes for each colouring.
        """
        self._check()
        n_rows = max(1, len(self.colourings))
        check_keywords(self.plot, kwargs, draws="scatter")
        get_panels(ax, self, (n_rows, 2), size=(4.0, 3.4))
        if len(self.axes_) != 2 * n_rows:
            raise ValueError(
                f"ax must be {2 * n_rows} Axes, two for each of {list(self.colourings) or 'no'} "
                f"colourings, got {len(self.axes_)}"
            )
        self.axes_ = self.axes_.reshape(n_rows, 2)
        self.scatters_ = []
        coloured = list(self.colourings.items()) or [("", None)]
        for axes, (name, values) in zip(self.axes_, coloured, strict=True):
            shown = None if values is None else categories(values, name)
            for ax, code in zip(axes, CODES, strict=True):
                self.scatters_.append(scatter_categories(ax, self.points[code], shown, kwargs))
                _one_scale(ax)
                self._label(ax, code, name, values)
            if shown is not None:
                axes[-1].legend(
                    handles=self.scatters_[-1],
                    title=name,
                    loc="center left",
                    bbox_to_anchor=(1.0, 0.5),
                    ncols=1 + (len(shown) > 12),
                    fontsize="small",
                    markerscale=1.5,
                )
        return self

    def _label(self, ax: Any, code: str, name: str, values: Any) -> None:
        if self.axis_names is not None:
            horizontal, vertical = self.axis_names[code]
            ax.set_xlabel(horizontal, fontsize="small")
            ax.set_ylabel(vertical, fontsize="small")
        ax.set(xticks=[], yticks=[])
        title = code if values is None else f"{code}, by {name}"
        accuracy = (self.probes or {}).get((code, name))
        if accuracy is not None:
            commonest = np.unique(np.asarray(values), return_counts=True)[1].max() / len(values)
            title += f"\nprobe {accuracy:.0%} right (commonest: {commonest:.0%})"
        ax.set_title(title, fontsize="medium")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        environments: Any = None,
        method: str = "pca",
        max_rows: int = 2000,
        random_state: int | np.random.RandomState | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> KnowledgeContextDisplay:
        """Map the codes that a fitted classifier gives to rows.

        Parameters
        ----------
        estimator : FrontDoorMultiModalClassifier, Pipeline or search
            Fitted on two modalities or more, without an observed mediator; a Pipeline or search
            must end with such a classifier.
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows in any of the forms that its `predict` takes, better not those of training.
        y : array-like of shape (n_samples,), default=None
            Their labels, or whatever else knowledge should tell: the first row of maps. Beyond 20
            values, the rarer ones are drawn alike.
        environments : array-like of shape (n_samples,), default=None
            The site, device or day of each row: the second row of maps.
        method : {"pca", "tsne"}, default="pca"
            Principal components, whose axes tell their share of the variance; or t-SNE, which
            shows groups better, but whose distances between groups mean little. Both see the
            columns of the code standardised, as the loss that keeps the codes apart does.
        max_rows : int, default=2000
            Of more rows, as many are drawn at random: a map of more is a blot.
        random_state : int, RandomState or None, default=None
            Of these rows, of t-SNE and of the probes' folds.
        ax : array of 2 · n_colourings matplotlib Axes, default=None
            Where to draw, row by row; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's ``Axes.scatter`` for every category.

        Returns
        -------
        KnowledgeContextDisplay
            Drawn.

        Raises
        ------
        TypeError
            If `estimator` does not end with a FrontDoorMultiModalClassifier.
        ValueError
            If its fit had one modality or an observed mediator, fewer than 3 rows have the
            predominant modality, lengths differ, or `method` or `max_rows` is out of range.

        Warns
        -----
        UserWarning
            Of rows without the predominant modality, which are left out: they have no code.
        """
        check_keywords(cls.from_estimator, kwargs, draws="scatter")
        clf, X = inside(estimator, X)
        if not isinstance(clf, FrontDoorMultiModalClassifier):
            raise TypeError(
                "estimator must be a FrontDoorMultiModalClassifier, or a Pipeline or search that "
                f"ends with one, got {type(clf).__name__}"
            )
        codes, colours = codes_and_colours(clf, X, y, environments)
        return cls.from_codes(
            codes,
            **colours,
            method=method,
            max_rows=max_rows,
            random_state=random_state,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_codes(
        cls,
        codes: Mapping[str, np.ndarray],
        *,
        y: Any = None,
        environments: Any = None,
        method: str = "pca",
        max_rows: int = 2000,
        random_state: int | np.random.RandomState | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> KnowledgeContextDisplay:
        """Map codes that are at hand.

        Parameters
        ----------
        codes : dict of str to ndarray of shape (n_samples, n_dimensions)
            With ``"knowledge"`` and ``"context"``, as the classifier's `codes` gives them.
        y, environments, method, max_rows, random_state, ax, **kwargs
            As in `from_estimator`.

        Returns
        -------
        KnowledgeContextDisplay
            Drawn.

        Raises
        ------
        TypeError
            If `codes` is no dict, or a colouring mixes strings and numbers.
        ValueError
            As `from_estimator`; or if one of the two codes is missing, not 2-D or not finite.
        """
        check_keywords(cls.from_codes, kwargs, draws="scatter")
        if method not in METHODS:
            raise ValueError(f"method must be one of {list(METHODS)}, got {method!r}")
        if not isinstance(max_rows, Integral) or max_rows < LEAST_ROWS:
            raise ValueError(
                f"max_rows must be an integer of at least {LEAST_ROWS}, got {max_rows!r}"
            )
        codes = read_codes(codes)
        n = len(codes["knowledge"])
        given = {"label": (y, "y"), "environment": (environments, "environments")}
        colourings = {
            colouring: one_value_per_row(values, name, n)
            for colouring, (values, name) in given.items()
            if values is not None
        }
        rng = private_generator(random_state)
        rows = rng.permutation(n)[:max_rows]  # in no order, so that none hides the others
        seed = rng.randint(2**31 - 1)
        chosen = {name: code[rows] for name, code in codes.items()}
        shown = {name: values[rows] for name, values in colourings.items()}
        maps = {name: code_map(code, method, seed) for name, code in chosen.items()}
        return cls(
            points={name: points for name, (points, _) in maps.items()},
            axis_names={name: names for name, (_, names) in maps.items()},
            colourings=shown,
            probes=code_probes(chosen, shown, seed),
        ).plot(ax, **kwargs)


def _one_scale(ax: Any) -> None:
    """Give both axes the longer one's length: a component of little variance looks like it."""
    ends = np.array([ax.get_xlim(), ax.get_ylim()])
    half = np.ptp(ends, axis=1).max() / 2
    (left, low), (right, high) = ends.mean(axis=1) - half, ends.mean(axis=1) + half
    ax.set_xlim(left, right, auto=None)  # so that axes which share these limits can widen them
    ax.set_ylim(low, high, auto=None)
    ax.set_aspect("equal")
