"""FusionClassifier: joint training, and the rules that balance modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, ClassVar

from .._utils.sklearn_compat import StrOptions, check_arguments
from ._agm import AGM
from ._dgl import DGL
from ._estimator import PARAMETERS, Baseline
from ._g_blend import GBlend
from ._jtt import JTT
from ._lff import LfF
from ._mla import MLA
from ._mmpareto import MMPareto
from ._ogm_ge import OGMGE
from ._opm import OPM
from ._pmr import PMR
from ._predominant_first import PredominantFirst
from ._relearn import Relearn
from ._rule import Rule
from ._smv import SMV
from ._tcmax import TCMax
from ._uniform import Uniform

RULES: dict[str, type[Rule]] = {
    "agm": AGM,
    "dgl": DGL,
    "g-blend": GBlend,
    "jtt": JTT,
    "lff": LfF,
    "mla": MLA,
    "mmpareto": MMPareto,
    "ogm-ge": OGMGE,
    "opm": OPM,
    "pmr": PMR,
    "predominant-first": PredominantFirst,
    "relearn": Relearn,
    "smv": SMV,
    "tcmax": TCMax,
    "uniform": Uniform,
}


def _described(name: str, rule: type[Rule]) -> str:
    """One line on a rule: its parameters with their defaults, and what it does."""
    summary = (rule.__doc__ or "").strip().splitlines()[0]
    defaults = ", ".join(
        f"{parameter.name}={parameter.default!r}"
        for parameter in signature(rule).parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    )
    return f'- ``"{name}"``' + (f" (``{defaults}``)" if defaults else "") + f": {summary}"


RULE_LIST = "\n    ".join(_described(name, RULES[name]) for name in sorted(RULES))


class FusionClassifier(Baseline):
    __doc__ = f"""Joint training of all modalities, with a rule that balances them.

    An encoder a modality and one head over all codes, on the encoders, trainer and parameters of
    FrontDoorMultiModalClassifier, so that a comparison compares the method and nothing else.

    Parameters
    ----------
    balancing : str or None, default=None
        None is plain joint training; else the rule, see Notes.
    balancing_params : dict, default=None
        Parameters of the rule by name; its published settings where not given.
    {PARAMETERS.strip()}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    modality_names_ : list of str
        The modalities, in order.
    modality_slices_ : dict of str to slice or ndarray of shape (width,)
        Each modality's columns in a flat table.
    parts_ : list of one Part
        The trained network, with its scalers, rule and temperature.
    module_ : FusionNetwork
        The trained torch module.
    history_ : skorch.history.History
        Losses and duration, an entry an epoch.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Total flattened width of the input.
    feature_names_in_ : ndarray of str of shape (n_features,)
        Column names, where the input had them.

    Raises
    ------
    ValueError, TypeError
        From `fit`, for bad input or parameters; nothing half-fitted is left behind.

    Notes
    -----
    The rules, with their parameters and published settings:

    {RULE_LIST}

    Each is a class in a file of its own, whose docstring gives equations and source.

    Examples
    --------
    >>> from skbetafd.baselines import FusionClassifier
    >>> from skbetafd.datasets import load_multiple_features
    >>> X, y = load_multiple_features(return_X_y=True)
    >>> clf = FusionClassifier(balancing="ogm-ge", max_epochs=2, random_state=0).fit(X, y)
    >>> clf.predict_proba(X).shape
    (2000, 10)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Baseline._parameter_constraints,
        "balancing": [None, StrOptions(set(RULES))],
        "balancing_params": [None, dict],
    }

    balancing: str | None
    balancing_params: Mapping[str, Any] | None

    def __init__(
        self,
        *,
        balancing: str | None = None,
        balancing_params: Mapping[str, Any] | None = None,
        modalities: Any = None,
        encoders: Any = "auto",
        encoder_learning_rate: Any = None,
        hidden_dim: int = 128,
        knowledge_dim: int = 32,
        dropout: float = 0.4,
        standardize: bool = True,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        class_weight: Any = None,
        optimizer: str = "adamw",
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        n_iter_no_change: int = 10,
        calibrate: bool = False,
        refit: bool = False,
        callbacks: Sequence[Any] | None = None,
        predict_batch_size: int = 65_536,
        dtype: str = "float32",
        device: Any = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self._assign(locals())

    def _views(self, names: Sequence[str]) -> list[tuple[int, ...]]:
        return [tuple(range(len(names)))]

    def _make_rule(self) -> Rule:
        given = dict(self.balancing_params or {})
        if self.balancing is None:
            if given:
                raise ValueError(f"balancing_params={given!r}, but balancing is None")
            return Rule()
        rule = RULES[self.balancing]
        try:
            check_arguments(rule.__name__, rule.constraints, **given)
            return rule(**given)
        except TypeError as error:
            raise ValueError(
                f"balancing_params={given!r} does not suit balancing={self.balancing!r}, which "
                f"takes {signature(rule)}: {error}"
            ) from error
