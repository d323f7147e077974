"""scikit-learn's HTML diagram of this library's estimators."""

from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    PerModality,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier

SCRIPT = "<script>alert(1)</script>"
SMALL = {"max_epochs": 1, "hidden_dim": 4}


class Parsed(HTMLParser):
    """Counts scripts and tags that do not match, and collects texts."""

    def __init__(self, page):
        super().__init__()
        self.open, self.astray, self.scripts, self.texts = [], [], 0, []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        if tag not in ("input", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Neither opens nor ends anything."""

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.astray.append(tag)

    def handle_data(self, data):
        if data.strip():
            self.texts.append(data.strip())


def blocks(page, *names):
    """What follows each name in the page: the shape of a row and the encoder."""
    texts = Parsed(page).texts
    return {name: texts[texts.index(name) + 1 :][:2] for name in names}


@pytest.mark.parametrize(
    ("estimator", "first"),
    [
        (FrontDoorMultiModalClassifier(predominant="audio", n_references=8), "audio (predominant)"),
        (FusionClassifier(), "audio"),
        (LateFusionClassifier(), "audio"),
        (UnimodalClassifier(), "audio"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_fitted_classifier_shows_a_block_per_modality_with_its_encoder(
    estimator, first, modalities, y
):
    page = estimator.set_params(**SMALL).fit(modalities, y)._repr_html_()
    assert blocks(page, first, "video") == {
        first: ["shape of a row: (4,)", "mlp"],
        "video": ["shape of a row: (3,)", "mlp"],
    }
    parsed = Parsed(page)
    assert parsed.astray == parsed.open == []
    assert {"Parameters", "Fitted attributes"} <= set(parsed.texts)


@pytest.mark.parametrize(
    "estimator",
    [FrontDoorMultiModalClassifier(), FrontDoorMultiModalClassifierCV(), FusionClassifier()],
    ids=lambda estimator: type(estimator).__name__,
)
def test_before_fit_it_looks_like_any_estimator_of_scikit_learn(estimator):
    page, plain = estimator._repr_html_(), StandardScaler()._repr_html_()
    assert "Not fitted" in Parsed(page).texts
    assert page.count('class="sk-item') == plain.count('class="sk-item') == 1


def test_pipelines_and_searches_show_the_blocks_too(X, y, quick):
    model = make_pipeline(PerModality(StandardScaler()), quick(predominant="audio"))
    search = GridSearchCV(model, {"frontdoormultimodalclassifier__beta": [0, 1]}, cv=2).fit(X, y)
    for page in (search.best_estimator_._repr_html_(), search._repr_html_()):
        assert blocks(page, "audio (predominant)")["audio (predominant)"][1] == "mlp"
        assert Parsed(page).astray == Parsed(page).open == []


@pytest.mark.parametrize("wrapped", [False, True])
def test_names_are_escaped(wrapped, modalities, y):
    model = FusionClassifier(**SMALL)
    if wrapped:
        model = make_pipeline(PerModality({SCRIPT: StandardScaler()}), model)
    page = model.fit({SCRIPT: modalities["audio"], "video": modalities["video"]}, y)._repr_html_()
    assert Parsed(page).scripts == 1  # scikit-learn's own
    assert SCRIPT in Parsed(page).texts


def test_a_module_is_shown_by_its_class_and_a_picture_by_its_shape(modalities, y, quick):
    image = np.random.default_rng(0).normal(size=(len(y), 6, 6))
    encoders = {"audio": torch.nn.Linear(4, 2), "video": lambda: torch.nn.Linear(3, 2)}
    model = quick(encoders=encoders, predominant="image").fit({**modalities, "image": image}, y)
    assert blocks(model._repr_html_(), "audio", "video", "image (predominant)") == {
        "audio": ["shape of a row: (4,)", "Linear"],
        "video": ["shape of a row: (3,)", "module"],
        "image (predominant)": ["shape of a row: (6, 6)", "conv2d"],
    }


def test_a_fitted_discrete_classifier_shows_its_attributes(y):
    X = [np.array([["a"], ["b"]] * 60), np.array([["c"], ["d"], ["d"]] * 40)]
    page = DiscreteFrontDoorClassifier().fit(X, y, mediator=y)._repr_html_()
    assert {"predominant_", "modality_names_"} <= set(Parsed(page).texts)


def test_per_modality_shows_what_each_modality_was_fitted_with(X):
    texts = Parsed(PerModality(StandardScaler()).fit(X)._repr_html_()).texts
    assert {"audio", "video"} <= set(texts)
    assert texts.count("mean_") == 2
    assert "shape of a row: (4,)" in texts


def test_the_container_shows_a_table():
    X = MultiModalArray({SCRIPT: np.array([["a", "b"]] * 4), "gaps": np.full((4, 2), np.nan)})
    parsed = Parsed(X._repr_html_())
    assert parsed.scripts == 0
    assert parsed.astray == parsed.open == []
    assert parsed.texts == [
        "MultiModalArray, 4 rows",
        *("modality", "shape", "dtype", "missing rows"),
        *(SCRIPT, "(4, 2)", "<U1", "0"),
        *("gaps", "(4, 2)", "float64", "4 (100%)"),
    ]
