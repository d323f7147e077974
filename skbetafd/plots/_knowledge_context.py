"""KnowledgeContextDisplay: a map of what the network takes for knowledge and for context."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_array

from .._utils.messages import named
from .._utils.randomness import private_generator
from .._utils.sklearn_compat import Interval, StrOptions, check_arguments
from ..diagnosis._unwrap import inside
from ..estimators.front_door import FrontDoorMultiModalClassifier
from ..fitting.predominant import probe_scores
from ..inputs.labels import check_lengths, one_value_per_row
from ..inputs.missing import complete_rows
from ..inputs.standardise import fitted_scaler
from ._display import COLOURS, GREY, MARKERS, MOST_NAMED, Display, legend, plain

CODES = ("knowledge", "context")
LEAST_ROWS = 3
"""Fewer make no map: their two dimensions would show nothing but that they differ."""
ARGUMENTS = {
    "method": [StrOptions({"pca", "tsne"})],
    "max_rows": [Interval(Integral, LEAST_ROWS, None, closed="left")],
}


class KnowledgeContextDisplay(Display):
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
        coloured = list(self.colourings.items()) or [("", None)]
        with self._drawing(ax, len(coloured), 2, size=(4.0, 3.4)) as axes:
            self.axes_ = axes.reshape(-1, 2)
            self.scatters_ = []
            for pair, (name, values) in zip(self.axes_, coloured, strict=True):
                shown = _categories(values, name)
                for one, code in zip(pair, CODES, strict=True):
                    points = self.points[code]
                    self.scatters_.append(_scatter_categories(one, points, shown, kwargs))
                    _one_scale(one)
                    self._label(one, code, name, values)
                if values is not None:
                    columns = 1 + (len(shown) > 12)
                    handles = self.scatters_[-1]
                    legend(pair[-1], handles, name, beside=True, ncols=columns, markerscale=1.5)
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
        cls._check_matplotlib("from_estimator")
        clf, X = inside(estimator, X)
        if not isinstance(clf, FrontDoorMultiModalClassifier):
            raise TypeError(
                "estimator must be a FrontDoorMultiModalClassifier, or a Pipeline or search that "
                f"ends with one, got {type(clf).__name__}"
            )
        codes, colours = _codes_and_colours(clf, X, y, environments)
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
            If a colouring mixes strings and numbers.
        ValueError
            As `from_estimator`; or if `codes` is no dict, or one of the two is missing, not 2-D or
            not finite.
        """
        check_arguments(cls.from_codes.__qualname__, ARGUMENTS, method=method, max_rows=max_rows)
        codes = _read_codes(codes)
        n = len(codes["knowledge"])
        rng = private_generator(random_state)
        rows = rng.permutation(n)[:max_rows]  # in no order, so that none hides the others
        seed = rng.randint(2**31 - 1)
        colourings = {}
        if y is not None:
            colourings["label"] = one_value_per_row(y, "y", n)[rows]
        if environments is not None:
            colourings["environment"] = one_value_per_row(environments, "environments", n)[rows]
        codes = {name: code[rows] for name, code in codes.items()}
        maps = {name: _code_map(code, method, seed) for name, code in codes.items()}
        return cls(
            points={name: points for name, (points, _) in maps.items()},
            axis_names={name: names for name, (_, names) in maps.items()},
            colourings=colourings,
            probes=_code_probes(codes, colourings, seed),
        ).plot(ax, **kwargs)


def _one_scale(ax: Any) -> None:
    """Give both axes the longer one's length: a component of little variance looks like it."""
    ends = np.array([ax.get_xlim(), ax.get_ylim()])
    half = np.ptp(ends, axis=1).max() / 2
    (left, low), (right, high) = ends.mean(axis=1) - half, ends.mean(axis=1) + half
    ax.set_xlim(left, right, auto=None)  # so that axes which share these limits can widen them
    ax.set_ylim(low, high, auto=None)
    ax.set_aspect("equal")


def _codes_and_colours(
    clf: FrontDoorMultiModalClassifier, X: Any, y: Any, environments: Any
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Give the codes, and what colours them, of the rows that have the predominant modality."""
    codes = clf.codes(X)
    having = clf._read(X).present[:, [clf.modality_names_.index(clf.predominant_)]]
    there = complete_rows([clf.predominant_], having, "the map of its codes")
    colours = {"y": y, "environments": environments}
    if there.all():
        return codes, colours
    some = {
        name: None if values is None else one_value_per_row(values, name, len(there))[there]
        for name, values in colours.items()
    }
    return {name: code[there] for name, code in codes.items()}, some


def _read_codes(codes: Any) -> dict[str, np.ndarray]:
    """Check the two codes: finite arrays (n_samples, n_dimensions) of as many rows, 3 or more."""
    if not isinstance(codes, Mapping) or not set(CODES) <= set(codes):
        given = list(codes) if isinstance(codes, Mapping) else codes
        raise ValueError(f"codes must be a dict with {list(CODES)}, got {given!r}")
    arrays = {}
    for name in CODES:
        with named(name):
            arrays[name] = check_array(codes[name], ensure_min_samples=LEAST_ROWS)
    check_lengths(len(arrays["knowledge"]), context=arrays["context"])
    return arrays


def _code_map(code: np.ndarray, method: str, seed: int) -> tuple[np.ndarray, tuple[str, str]]:
    """Return two dimensions of a code, each of its columns at variance 1, and the axes' names."""
    scaler = fitted_scaler([(code, np.ones(len(code)))])
    if scaler.constant_.all():
        return np.zeros((len(code), 2)), ("the code is the same in every row", "")
    code = scaler.transform(code)
    if method == "tsne":
        perplexity = min(30.0, (len(code) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, random_state=seed)
        return tsne.fit_transform(code), ("t-SNE 1", "t-SNE 2")
    if code.shape[1] == 1:
        code = np.pad(code, [(0, 0), (0, 1)])
    pca = PCA(2, random_state=seed)
    points = pca.fit_transform(code)
    first, second = (f"{share:.0%} of variance" for share in pca.explained_variance_ratio_)
    return points, (f"component 1 ({first})", f"component 2 ({second})")


def _code_probes(
    codes: Mapping[str, np.ndarray], colourings: Mapping[str, np.ndarray], seed: int
) -> dict[tuple[str, str], float]:
    """Give the accuracy of the probe for each pair; a colouring of one value has none."""
    probes: dict[tuple[str, str], float] = {}
    for name, values in colourings.items():
        classes, y = np.unique(values, return_inverse=True)
        if len(classes) > 1:
            scores = probe_scores([codes[code] for code in codes], y, np.ones(len(y)), seed)
            probes |= {(code, name): float(s) for code, s in zip(codes, scores, strict=True)}
    return probes


def _categories(values: Any, name: str) -> list[tuple[str | None, Any]]:
    """Return label and rows of each category, sorted; of more than 20, the rarer as one.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or None
        None is one category without a label.
    name : str
        What an error calls them.
    """
    if values is None:
        return [(None, slice(None))]
    values = one_value_per_row(values, name, len(values))
    names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(names) <= MOST_NAMED:
        return [(plain(name), codes == i) for i, name in enumerate(names)]
    frequent = np.sort(np.argsort(-counts, kind="stable")[: MOST_NAMED - 1])
    shown = [(plain(names[i]), codes == i) for i in frequent]
    return [*shown, (f"{len(names) - len(frequent)} others", ~np.isin(codes, frequent))]


def _scatter_categories(
    ax: Any, points: np.ndarray, shown: list[tuple[str | None, Any]], user: dict[str, Any]
) -> list[Any]:
    """Draw points (n, 2), each category in a colour and a marker of its own."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.collections import PathCollection

    user, drawn = normalize_kwargs(user, PathCollection), []
    for position, (name, rows) in enumerate(shown):
        rest = position == MOST_NAMED - 1
        own = {
            "marker": "." if rest else MARKERS[position % len(MARKERS)],
            "s": 14,
            "alpha": 0.7,
            "linewidth": 0,
            "label": name,
        }
        if "c" not in user:
            own["color"] = GREY if rest else COLOURS[position % len(COLOURS)]
        drawn.append(ax.scatter(*points[rows].T, **(own | user)))
    return drawn
