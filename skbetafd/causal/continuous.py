"""ContinuousFrontDoorModel: a confounded world with a stochastic mediator and an exact truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._utils.arguments import check_integer, check_number, read_generator, read_numbers
from .scm import draw

N_CONTENT, N_STYLE, N_AUXILIARY = 4, 4, 3

REGIMES = ("iid", "half", "randomised", "flipped", "shifted")

PRIORS = {2: (0.6, 0.4), 3: (0.5, 0.3, 0.2)}
"""P(u), by the number of values of the confounder."""

QUADRATURE = np.linspace(-7, 7, 81)
"""Nodes of the trapezoidal rule over the mediator, in standard deviations.

For a Gaussian times a logistic function it is far better than Gauss–Hermite: its error is 1e-12
at `mediator_noise` 1 and 1e-6 at 3, where 64 Gauss–Hermite nodes leave 4e-8 and 9e-4.
"""


@dataclass(frozen=True, eq=False)
class FrontDoorSample:
    """Rows of a `ContinuousFrontDoorModel`.

    Attributes
    ----------
    X : dict of str to ndarray
        ``"predominant"`` of shape (n_samples, n_content + n_style), content columns first, and
        ``"auxiliary"`` of shape (n_samples, n_auxiliary).
    mediator : ndarray of shape (n_samples,)
        M.
    y : ndarray of shape (n_samples,), int
        The label.
    confounder : ndarray of shape (n_samples,), int
        The hidden U.
    randomised : ndarray of shape (n_samples,), bool
        Rows in which the predominant modality was drawn without regard to U.

    See Also
    --------
    ContinuousFrontDoorModel : Its `sample` gives it.
    """

    X: dict[str, np.ndarray]
    mediator: np.ndarray
    y: np.ndarray
    confounder: np.ndarray
    randomised: np.ndarray


class ContinuousFrontDoorModel:
    r"""Two continuous modalities, a hidden confounder, and a Gaussian mediator.

    The predominant modality t = (content c, style s) shows a hidden confounder U in its style.
    The label depends on t only through the mediator M, and on U: the criterion of
    `check_criterion` holds for M given A, and P(y | t, a) and P(y | do t, a) are both exact.

    Parameters
    ----------
    n_classes : {2, 3}, default=2
        Number of labels.
    n_confounders : {2, 3}, default=2
        Number of values of U and of its sibling V, with the probabilities of `PRIORS`.
    sibling : float in [0, 1], default=0.5
        Probability that V copies U. At 0, A tells nothing of U.
    mediator_noise : float in [.1, 3], default=1.0
        Standard deviation of M given (t, a). Little of it leaves little overlap.
    confounding : float in [0, 10], default=4.0
        How far U = u moves the log-odds of label u mod n_classes. At 0 seeing and doing agree.
    world : int >= 0, default=0
        Seed of the means and directions: models that share it share the world.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.

    See Also
    --------
    StructuralCausalModel : Discrete models on any graph.
    skbetafd.datasets.make_confounded_modalities : A world without a mediator.

    Notes
    -----
    With :math:`\pi = P(U)`, unit Gaussian noise :math:`\varepsilon` in each column, and means
    :math:`\mu, \gamma, \alpha` and directions w, v, g drawn from `world`:

    .. math::

        &U \sim \pi, \quad V = U \text{ with probability } sibling, \text{ else } V \sim \pi \\
        &A = \alpha_V + \varepsilon, \quad c = \gamma_V + \varepsilon, \quad
            s = \mu_U + \varepsilon \\
        &M \sim N(f(c, a), \sigma^2), \quad f(c, a) = 2 \tanh(w c) + v a \\
        &P(y \mid m, u, a) = softmax(k_y m + h_{yu} + g_y a)

    V makes P(t | a) depend on a. U and V are discrete, so that their posteriors are exact, and

    .. math::

        P(y \mid t, a) &= \int N(m; f, \sigma^2) \sum_u P(u \mid t, a) P(y \mid m, u, a)\, dm \\
        P(y \mid do(t), a) &= \int N(m; f, \sigma^2) \sum_u P(u \mid a) P(y \mid m, u, a)\, dm

    are one-dimensional integrals, taken by quadrature.

    Examples
    --------
    >>> import numpy as np
    >>> from skbetafd.causal import ContinuousFrontDoorModel
    >>> model = ContinuousFrontDoorModel()
    >>> rows = model.sample(4000, regime="randomised", random_state=0)
    >>> t, a = rows.X["predominant"], rows.X["auxiliary"]
    >>> t.shape, a.shape, rows.mediator.shape
    ((4000, 8), (4000, 3), (4000,))
    >>> def log_loss(proba):
    ...     return float(-np.log(proba[np.arange(4000), rows.y]).mean())
    >>> round(log_loss(model.proba_seeing(t, a)), 1), round(log_loss(model.proba_doing(t, a)), 1)
    (0.8, 0.6)
    """

    def __init__(
        self,
        *,
        n_classes: int = 2,
        n_confounders: int = 2,
        sibling: float = 0.5,
        mediator_noise: float = 1.0,
        confounding: float = 4.0,
        world: int = 0,
    ) -> None:
        check_integer("n_classes", n_classes, 2, 3)
        check_integer("n_confounders", n_confounders, 2, 3)
        check_integer("world", world, 0)
        check_number("sibling", sibling, 0, 1)
        check_number("mediator_noise", mediator_noise, 0.1, 3)
        check_number("confounding", confounding, 0, 10)
        self.mediator_noise = mediator_noise
        self.prior = np.array(PRIORS[n_confounders])
        self._sibling = sibling * np.eye(n_confounders) + (1 - sibling) * self.prior
        rng = np.random.default_rng(world)
        self._content = _means(n_confounders, N_CONTENT, 1.5, rng)
        self._style = _means(n_confounders, N_STYLE, 3.0, rng)
        self._auxiliary = _means(n_confounders, N_AUXILIARY, 1.5, rng)
        self._from_content = _direction(N_CONTENT, rng)
        self._from_auxiliary = 0.5 * _direction(N_AUXILIARY, rng)
        self._label_mediator = np.linspace(-1.5, 1.5, n_classes)
        self._label_auxiliary = 0.3 * rng.normal(size=(N_AUXILIARY, n_classes))
        favoured = np.arange(n_confounders) % n_classes
        self._label_confounder = confounding * np.eye(n_classes)[favoured]

    def mediator_mean(self, t: Any, a: Any) -> np.ndarray:
        """Compute f(c, a), the mean of the mediator.

        Parameters
        ----------
        t : array-like of shape (n_samples, 8)
            The predominant modality, content columns first.
        a : array-like of shape (n_samples, 3)
            The auxiliary modality.

        Returns
        -------
        ndarray of shape (n_samples,)
            The mean at each row.

        Raises
        ------
        ValueError, TypeError
            If `t` or `a` has another shape, or holds what is no finite number.
        """
        t, a = _checked(t, a)
        return 2 * np.tanh(t[:, :N_CONTENT] @ self._from_content) + a @ self._from_auxiliary

    def proba_seeing(self, t: Any, a: Any) -> np.ndarray:
        """Compute the exact P(y | t, a).

        Parameters
        ----------
        t : array-like of shape (n_samples, 8)
            The predominant modality, content columns first.
        a : array-like of shape (n_samples, 3)
            The auxiliary modality.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            As in `proba_doing`.

        Raises
        ------
        ValueError, TypeError
            If `t` or `a` has another shape, or holds what is no finite number.
        """
        t, a = _checked(t, a)
        density = self._log_pairs(a)
        density += _log_density(t[:, :N_CONTENT], self._content)[:, None, :]
        density += _log_density(t[:, N_CONTENT:], self._style)[:, :, None]
        return self._outcome(t, a, _softmax(density, axis=(1, 2)).sum(axis=2))

    def proba_doing(self, t: Any, a: Any) -> np.ndarray:
        """Compute the exact P(y | do t, a).

        Parameters
        ----------
        t : array-like of shape (n_samples, 8)
            The predominant modality, content columns first.
        a : array-like of shape (n_samples, 3)
            The auxiliary modality.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities.

        Raises
        ------
        ValueError, TypeError
            If `t` or `a` has another shape, or holds what is no finite number.
        """
        t, a = _checked(t, a)
        return self._outcome(t, a, _softmax(self._log_pairs(a), axis=(1, 2)).sum(axis=2))

    def sample(
        self,
        n_samples: int,
        *,
        regime: str = "iid",
        random_state: int | np.random.Generator | None = None,
    ) -> FrontDoorSample:
        """Draw rows.

        Parameters
        ----------
        n_samples : int
            Number of rows.
        regime : {"iid", "half", "randomised", "flipped", "shifted"}, default="iid"
            The world as it is; T drawn from P(t | a) without regard to U in each row with
            probability ½, or in all; another value's style for each U; or P(U) reversed.
        random_state : int, numpy.random.Generator or None, default=None
            Draws the rows. NumPy's global generator is never used.

        Returns
        -------
        FrontDoorSample
            The rows, hidden variables included.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or out of range.

        Notes
        -----
        Randomised rows keep the law of (t, a), so that (t, a) does not tell which rows they are:
        where a share β of the rows is randomised, P(y | t, a) is exactly the mixture P_β.
        """
        check_integer("n_samples", n_samples, 1)
        if regime not in REGIMES:
            raise ValueError(f"regime must be one of {REGIMES}, got {regime!r}")
        rng = read_generator(random_state)
        prior = self.prior[::-1] if regime == "shifted" else self.prior
        u = draw(np.tile(prior, (n_samples, 1)), rng)
        v = draw(self._sibling[u], rng)
        a = _around(self._auxiliary, v, rng)
        randomised = rng.random(n_samples) < {"half": 0.5, "randomised": 1.0}.get(regime, 0.0)
        shown_u, shown_v = self._shown(u, v, a, randomised, rng)
        if regime == "flipped":
            shown_u = (shown_u + 1) % len(prior)
        content, style = _around(self._content, shown_v, rng), _around(self._style, shown_u, rng)
        t = np.hstack([content, style])
        m = self.mediator_mean(t, a) + self.mediator_noise * rng.normal(size=n_samples)
        y = draw(self._label(m[:, None], a)[np.arange(n_samples), 0, u], rng)
        return FrontDoorSample({"predominant": t, "auxiliary": a}, m, y, u, randomised)

    def _shown(
        self,
        u: np.ndarray,
        v: np.ndarray,
        a: np.ndarray,
        randomised: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Put an independent draw from P(u, v | a) in place of (u, v) in the randomised rows."""
        pairs = _softmax(self._log_pairs(a), axis=(1, 2))
        other = draw(pairs.reshape(len(a), -1), rng)
        other_u, other_v = np.divmod(other, len(self.prior))
        return np.where(randomised, other_u, u), np.where(randomised, other_v, v)

    def _log_pairs(self, a: np.ndarray) -> np.ndarray:
        """Log p(u, v, a) + c, shape (n_samples, n_confounders, n_confounders)."""
        with np.errstate(divide="ignore"):
            prior = np.log(self.prior[:, None] * self._sibling)
        return prior + _log_density(a, self._auxiliary)[:, None, :]

    def _label(self, m: np.ndarray, a: np.ndarray) -> np.ndarray:
        """P(y | m, u, a) for m of shape (n_samples, k), shape (n_samples, k, n_confounders, …)."""
        about_a = (a @ self._label_auxiliary)[:, None, None, :]
        about_m = m[:, :, None, None] * self._label_mediator
        return _softmax(about_m + self._label_confounder + about_a, axis=3)

    def _outcome(self, t: np.ndarray, a: np.ndarray, proba_u: np.ndarray) -> np.ndarray:
        """∫ N(m; f, σ²) Σ_u proba_u P(y | m, u, a) dm."""
        m = self.mediator_mean(t, a)[:, None] + self.mediator_noise * QUADRATURE
        weights = np.exp(-(QUADRATURE**2) / 2)
        weights /= weights.sum()
        return np.einsum("k,nu,nkuy->ny", weights, proba_u, self._label(m, a), optimize=True)


def _means(n: int, width: int, distance: float, rng: np.random.Generator) -> np.ndarray:
    """Draw n points of R^width with the same distance between any two."""
    orthonormal = np.linalg.qr(rng.normal(size=(width, width)))[0][:n]
    return distance / np.sqrt(2) * orthonormal


def _direction(width: int, rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=width)
    return vector / np.linalg.norm(vector)


def _around(means: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return means[values] + rng.normal(size=(len(values), means.shape[1]))


def _log_density(x: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Log N(x; mean, 1) + c for each mean, shape (n_samples, n_means)."""
    return -((x[:, None] - means) ** 2).sum(axis=2) / 2


def _softmax(x: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _checked(t: Any, a: Any) -> tuple[np.ndarray, np.ndarray]:
    t, a = read_numbers("t", t), read_numbers("a", a)
    if t.shape[1:] != (N_CONTENT + N_STYLE,) or a.shape != (len(t), N_AUXILIARY):
        raise ValueError(
            f"t and a need the shapes (n, {N_CONTENT + N_STYLE}) and (n, {N_AUXILIARY}), "
            f"got {t.shape} and {a.shape}"
        )
    for name, array in (("t", t), ("a", a)):
        wrong = ~np.isfinite(array)
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            raise ValueError(
                f"{name} must be finite, got {array[row, column]} at row {row}, column {column}"
            )
    return t, a
