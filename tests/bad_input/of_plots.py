"""Bad arguments of the displays."""

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import InvalidParameterError

from .good import AUDIO, GRAPH, LABEL, Made, N, codes, discrete, fusion, of, unfitted

PATH = np.full((2, N, 3), 1 / 3)
UNFITTED = Made(unfitted)
LOGISTIC = LogisticRegression()


def shown(display, *cases):
    return of(f"plots.{display}", *cases)


def some_codes(**changed):
    return {**codes(), **changed}


AXES = [
    case
    for display in (
        "AuxiliaryMasking BetaPath Criterion KnowledgeContext ModalityContribution Overlap "
        "TrainingHistory"
    ).split()
    for case in shown(f"{display}Display.plot", ({"ax": "left"}, TypeError, "ax", "'left'"))
]

BETA_PATHS = [
    *shown(
        "BetaPathDisplay",
        ({"betas": [0, 0.5, 1]}, ValueError, "betas", "3", "2"),
        ({"scores": [1, 2]}, ValueError, "scores", "(2,)"),
        ({"spread": np.ones((3, 2))}, ValueError, "spread", "(3, 2)"),
    ),
    *shown("BetaPathDisplay.plot", ({"colour": "red"}, AttributeError, "colour")),
    *shown(
        "BetaPathDisplay.from_estimator",
        ({"estimator": LOGISTIC}, TypeError, "estimator", "LogisticRegression"),
        ({"scoring": lambda *_: np.nan}, ValueError, "scoring", "nan"),
        ({"environments": LABEL[:9]}, ValueError, "environments", "9", "60"),
        ({"sample_weight": (LABEL > 0) * 1.0, "environments": LABEL}, ValueError, "sample_weight"),
    ),
    *shown(
        "BetaPathDisplay.from_predictions",
        ({"proba_path": PATH[:1]}, ValueError, "proba_path", "(1, 60, 3)"),
        ({"proba_path": PATH * np.nan}, ValueError, "proba_path", "nan"),
        ({"classes": [0, 1, 1]}, ValueError, "classes", "[0, 1, 1]"),
        ({"betas": [0, np.inf]}, ValueError, "betas", "inf"),
    ),
    *shown(
        "BetaPathDisplay.from_cv_results",
        ({"cv_results": {}}, ValueError, "cv_results", "[]"),
        ({"fold_names": ["one"]}, ValueError, "fold_names", "['one']"),
    ),
    *shown(
        "BetaPathDisplay.from_search",
        ({"search": UNFITTED}, TypeError, "search", "FrontDoorMultiModalClassifier"),
        ({"fold_names": [1, 2, 3]}, ValueError, "fold_names", "[1, 2, 3]"),
    ),
]

OTHERS = [
    *shown(
        "AuxiliaryMaskingDisplay",
        ({"curves": {"mine": [0, 1]}}, TypeError, "curves", "[0, 1]", "'mine'"),
    ),
    *shown("AuxiliaryMaskingDisplay.from_curves", ({"curves": 3}, TypeError, "curves", "3")),
    *shown("AuxiliaryMaskingDisplay.from_estimator", ({"shares": [2]}, ValueError, "shares", "2")),
    *shown("CriterionDisplay", ({"report": None}, TypeError, "report", "None")),
    *shown("CriterionDisplay.plot", ({"condition": "(iv)"}, ValueError, "condition", "'(iv)'")),
    *shown("CriterionDisplay.from_graph", ({"mediator": "Q"}, ValueError, "mediator 'Q'")),
    *shown(
        "CriterionDisplay.from_report",
        ({"report": "fine"}, TypeError, "report", "'fine'"),
        ({"graph": GRAPH.subgraph(["T", "Z", "A"])}, ValueError, "graph", "'Y'"),
    ),
    *shown(
        "KnowledgeContextDisplay",
        ({"points": {"knowledge": np.eye(3)}}, ValueError, "points", "context"),
        ({"colourings": ["a", "b", "c"]}, TypeError, "colourings", "['a', 'b', 'c']"),
    ),
    *shown(
        "KnowledgeContextDisplay.from_codes",
        ({"codes": Made(some_codes, context=AUDIO[:5])}, ValueError, "context", "5", "60"),
        ({"codes": Made(some_codes, knowledge=AUDIO * np.nan)}, ValueError, "knowledge", "NaN"),
        ({"method": "umap"}, InvalidParameterError, "method", "'umap'"),
    ),
    *shown(
        "KnowledgeContextDisplay.from_estimator",
        ({"estimator": Made(fusion)}, TypeError, "estimator", "FusionClassifier"),
    ),
    *shown("ModalityContributionDisplay", ({"contributions": 1}, TypeError, "contributions", "1")),
    *shown(
        "ModalityContributionDisplay.from_contributions",
        ({"by_class": "yes"}, TypeError, "by_class", "'yes'"),
    ),
    *shown(
        "ModalityContributionDisplay.from_estimator",
        ({"by_class": True, "scoring": "neg_log_loss"}, ValueError, "by_class", "'neg_log_loss'"),
    ),
    *shown("OverlapDisplay", ({"report": 0.5}, TypeError, "report", "0.5")),
    *shown(
        "OverlapDisplay.from_overlap",
        ({"groups": [None, *LABEL[1:]]}, ValueError, "groups", "None", "row 0"),
    ),
    *shown(
        "OverlapDisplay.from_estimator",
        ({"estimator": Made(discrete)}, TypeError, "DiscreteFrontDoorClassifier"),
    ),
    *shown(
        "TrainingHistoryDisplay",
        ({"losses": {"loss": ["low"]}}, ValueError, "losses", "['low']", "'loss'"),
        ({"best_epoch": 9}, ValueError, "best_epoch", "9", "3"),
    ),
    *shown("TrainingHistoryDisplay.plot", ({"terms": ["smell"]}, ValueError, "terms", "['smell']")),
    *shown(
        "TrainingHistoryDisplay.from_estimator",
        ({"estimator": UNFITTED}, NotFittedError, "FrontDoorMultiModalClassifier"),
        ({"estimator": LOGISTIC}, TypeError, "estimator", "LogisticRegression"),
    ),
]

CASES = [*AXES, *BETA_PATHS, *OTHERS]
