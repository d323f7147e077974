"""Bad arguments of the displays."""

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import InvalidParameterError

from .good import AUDIO, GRAPH, LABEL, Made, N, codes, discrete, fusion, search, unfitted

PATH = np.full((2, N, 3), 1 / 3)


def of(name, *cases):
    return [(f"plots.{name}", bad, error, words) for bad, error, *words in cases]


def some_codes(**changed):
    return {**codes(), **changed}


BETA_PATHS = [
    *of(
        "BetaPathDisplay",
        ({"betas": [0, 0.5, 1]}, ValueError, "betas", "3", "2"),
        ({"scores": [1, 2]}, ValueError, "scores", "(2,)"),
        ({"names": ["one", "two"]}, ValueError, "names", "(2,)"),
        ({"spread": np.ones((3, 2))}, ValueError, "spread", "(3, 2)"),
    ),
    *of(
        "BetaPathDisplay.plot",
        ({"ax": "left"}, TypeError, "ax", "'left'"),
        ({"colour": "red"}, AttributeError, "keyword argument 'colour'"),
    ),
    *of(
        "BetaPathDisplay.from_estimator",
        ({"estimator": LogisticRegression()}, TypeError, "estimator", "LogisticRegression"),
        ({"estimator": Made(unfitted)}, NotFittedError, "FrontDoorMultiModalClassifier"),
        ({"betas": [0, 2]}, ValueError, "betas", "[0, 2]"),
        ({"scoring": "acuracy"}, ValueError, "scoring", "'acuracy'"),
        ({"scoring": lambda *_: np.nan}, ValueError, "scoring", "nan"),
        ({"y": LABEL[:9]}, ValueError, "y", "9", "60"),
        ({"environments": LABEL[:9]}, ValueError, "environments has 9 entries for 60 rows"),
        ({"sample_weight": np.ones(9)}, ValueError, "sample_weight", "9"),
        (
            {"sample_weight": (LABEL > 0) * 1.0, "environments": LABEL},
            ValueError,
            "sample_weight is 0",
            "0",
        ),
        ({"ax": 3}, TypeError, "ax", "3"),
    ),
    *of(
        "BetaPathDisplay.from_predictions",
        ({"proba_path": PATH[0]}, ValueError, "proba_path", "(60, 3)"),
        ({"proba_path": PATH[:1]}, ValueError, "proba_path", "(1, 60, 3)"),
        ({"proba_path": PATH * np.nan}, ValueError, "proba_path", "nan"),
        ({"proba_path": -PATH}, ValueError, "proba_path", "-0.33"),
        ({"proba_path": "path"}, ValueError, "proba_path", "()"),
        ({"y_true": LABEL[:5]}, ValueError, "y has 5 entries for 60 rows"),
        ({"y_true": None}, ValueError, "y", "()"),
        ({"classes": [0, 1]}, ValueError, "2"),
        ({"classes": [0, 1, 1]}, ValueError, "classes", "[0, 1, 1]"),
        ({"betas": [0, np.inf]}, ValueError, "betas", "inf"),
    ),
    *of(
        "BetaPathDisplay.from_cv_results",
        ({"cv_results": {}}, ValueError, "cv_results", "[]"),
        ({"cv_results": None}, ValueError, "cv_results", "None"),
        ({"betas": [-1, 1]}, ValueError, "betas", "[-1, 1]"),
        ({"fold_names": ["one"]}, ValueError, "fold_names", "['one']"),
        ({"y": LABEL[:5]}, ValueError, "y", "5"),
    ),
    *of(
        "BetaPathDisplay.from_search",
        ({"search": Made(unfitted)}, TypeError, "search", "FrontDoorMultiModalClassifier"),
        ({"search": Made(search)}, NotFittedError, "FrontDoorMultiModalClassifierCV"),
        ({"search": None}, TypeError, "search", "None"),
        ({"search": LogisticRegression()}, TypeError, "search", "LogisticRegression"),
        ({"fold_names": [1, 2, 3]}, ValueError, "fold_names", "[1, 2, 3]"),
    ),
]

OTHERS = [
    *of(
        "AuxiliaryMaskingDisplay",
        ({"curves": None}, TypeError, "curves", "None"),
        ({"curves": {"mine": [0, 1]}}, TypeError, "curves", "[0, 1] for 'mine'"),
    ),
    *of("AuxiliaryMaskingDisplay.plot", ({"ax": ["left"]}, TypeError, "ax", "['left']")),
    *of(
        "AuxiliaryMaskingDisplay.from_curves",
        ({"curves": "mine"}, TypeError, "curves", "'mine'"),
        ({"marker": "no"}, ValueError, "'no'"),
    ),
    *of(
        "AuxiliaryMaskingDisplay.from_estimator",
        ({"shares": [2]}, ValueError, "shares", "2"),
        ({"n_repeats": 1.5}, InvalidParameterError, "'n_repeats'", "1.5"),
        ({"estimator": None}, TypeError, "estimator", "None"),
    ),
    *of(
        "CriterionDisplay",
        ({"graph": None}, TypeError, "graph", "NoneType"),
        ({"report": None}, TypeError, "report", "None"),
    ),
    *of(
        "CriterionDisplay.plot",
        ({"condition": "(iv)"}, ValueError, "condition", "'(iv)'"),
        ({"ax": 3}, TypeError, "ax", "3"),
    ),
    *of(
        "CriterionDisplay.from_graph",
        ({"graph": [("T", "Y")]}, TypeError, "graph", "list"),
        ({"mediator": "Q"}, ValueError, "mediator 'Q'"),
        ({"condition": 0}, ValueError, "condition", "0"),
    ),
    *of(
        "CriterionDisplay.from_report",
        ({"report": "fine"}, TypeError, "report", "'fine'"),
        ({"graph": GRAPH.subgraph(["T", "Z", "A"])}, ValueError, "another graph", "'Y'"),
    ),
    *of(
        "KnowledgeContextDisplay",
        ({"points": {"knowledge": np.eye(3)}}, ValueError, "points", "context"),
        ({"colourings": {"class": ["a"]}}, ValueError, "class has 1 entries for 3 rows"),
        ({"colourings": ["a", "b", "c"]}, TypeError, "colourings", "['a', 'b', 'c']"),
    ),
    *of("KnowledgeContextDisplay.plot", ({"ax": 3}, TypeError, "ax", "3")),
    *of(
        "KnowledgeContextDisplay.from_codes",
        ({"codes": AUDIO}, ValueError, "codes", "array"),
        ({"codes": {"knowledge": AUDIO}}, ValueError, "codes", "['knowledge']"),
        ({"codes": Made(some_codes, context=AUDIO[:5])}, ValueError, "context", "5", "60"),
        ({"codes": Made(some_codes, context=AUDIO[:, 0])}, ValueError, "context", "1D"),
        ({"codes": Made(some_codes, knowledge=AUDIO * np.nan)}, ValueError, "knowledge", "NaN"),
        ({"y": LABEL[:5]}, ValueError, "y has 5 entries for 60 rows"),
        ({"environments": "here"}, ValueError, "environments", "'here'"),
        ({"method": "umap"}, InvalidParameterError, "method", "'umap'"),
        ({"max_rows": 1}, InvalidParameterError, "max_rows", "1"),
        ({"max_rows": "all"}, InvalidParameterError, "max_rows", "'all'"),
        ({"random_state": "seed"}, ValueError, "random_state", "'seed'"),
    ),
    *of(
        "KnowledgeContextDisplay.from_estimator",
        ({"estimator": Made(fusion)}, TypeError, "estimator", "FusionClassifier"),
        ({"estimator": Made(discrete)}, TypeError, "estimator", "DiscreteFrontDoorClassifier"),
        ({"X": [AUDIO]}, ValueError, "1 modalities", "2"),
        ({"y": LABEL[:5]}, ValueError, "y has 5 entries for 60 rows"),
    ),
    *of(
        "ModalityContributionDisplay",
        ({"contributions": {"audio": 1}}, TypeError, "contributions", "{'audio': 1}"),
    ),
    *of(
        "ModalityContributionDisplay.plot",
        ({"ax": "left"}, TypeError, "ax", "'left'"),
        ({"colour": "red"}, AttributeError, "keyword argument 'colour'"),
    ),
    *of(
        "ModalityContributionDisplay.from_contributions",
        ({"contributions": None}, TypeError, "contributions", "None"),
        ({"by_class": "yes"}, TypeError, "by_class", "'yes'"),
    ),
    *of(
        "ModalityContributionDisplay.from_estimator",
        ({"method": "median"}, InvalidParameterError, "'method'", "'median'"),
        ({"by_class": True, "scoring": "neg_log_loss"}, ValueError, "by_class", "'neg_log_loss'"),
        ({"confidence_level": 0}, InvalidParameterError, "'confidence_level'", "0"),
        ({"estimator": "clf"}, TypeError, "clf is not an estimator"),
    ),
    *of(
        "OverlapDisplay",
        ({"report": 0.5}, TypeError, "report", "0.5"),
        ({"groups": LABEL[:5]}, ValueError, "groups has 5 entries for 60 rows"),
    ),
    *of("OverlapDisplay.plot", ({"ax": "left"}, TypeError, "ax", "'left'")),
    *of(
        "OverlapDisplay.from_overlap",
        ({"report": None}, TypeError, "report", "None"),
        ({"groups": [None, *LABEL[1:]]}, ValueError, "groups", "None", "row 0"),
    ),
    *of(
        "OverlapDisplay.from_estimator",
        ({"estimator": Made(discrete)}, TypeError, "DiscreteFrontDoorClassifier"),
        ({"X": {"audio": AUDIO}}, ValueError, "'video' missing"),
    ),
    *of(
        "TrainingHistoryDisplay",
        ({"losses": {"loss": []}}, ValueError, "losses", "[]", "'loss'"),
        ({"losses": {"loss": ["low"]}}, ValueError, "losses", "['low']", "'loss'"),
        ({"best_epoch": 9}, ValueError, "best_epoch", "9", "3"),
    ),
    *of(
        "TrainingHistoryDisplay.plot",
        ({"terms": "loss"}, ValueError, "terms", "'loss'"),
        ({"terms": ["smell"]}, ValueError, "terms", "['smell']"),
        ({"terms": []}, ValueError, "terms", "[]"),
        ({"ax": None, "colour": "red"}, AttributeError, "keyword argument 'colour'"),
    ),
    *of(
        "TrainingHistoryDisplay.from_estimator",
        ({"estimator": Made(unfitted)}, NotFittedError, "FrontDoorMultiModalClassifier"),
        ({"estimator": LogisticRegression()}, TypeError, "estimator", "LogisticRegression"),
        ({"terms": 3}, ValueError, "terms", "3"),
    ),
]

CASES = [*BETA_PATHS, *OTHERS]
