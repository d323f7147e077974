"""scikit-learn's HTML diagram of this library's estimators."""

from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone
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
UNFITTED = [
    FrontDoorMultiModalClassifier(),
    FrontDoorMultiModalClassifierCV(),
    DiscreteFrontDoorClassifier(),
    FusionClassifier(),
    LateFusionClassifier(),
    UnimodalClassifier(),
]


class Parsed(HTMLParser):
    """Counts tags that do not match, and collects the cells of the table of modalities."""

    def __init__(self, page):
        super().__init__()
        self.open, self.astray, self.scripts, self.texts = [], [], 0, []
        self.feed(page)
        self.close()

    def handle_startendtag(self, tag, attrs):
        """Neither opens nor ends anything."""

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        if tag not in ("input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.astray.append(tag)

    def handle_data(self, data):
        if data.strip():
            self.texts.append(data.strip())


def modality_cells(page):
    texts = Parsed(page).texts
    start = texts.index("Modalities") + 1
    return texts[start : texts.index("Fitted attributes", start)]


@pytest.fixture(scope="module")
def fitted(modalities, y, quick):
    return quick(predominant="audio").fit(modalities, y)


def test_a_fitted_classifier_shows_its_modalities_predominant_one_and_beta(fitted):
    page = fitted._repr_html_()
    assert modality_cells(page) == [
        *("Modality", "Shape of a row", "Encoder", "Role"),
        *("audio", "4", "mlp", "predominant"),
        *("video", "3", "mlp", "auxiliary"),
    ]
    assert "predominant: audio · β = 1.0, conditional effect" in Parsed(page).texts
    assert Parsed(page).astray == Parsed(page).open == []


def test_the_effect_is_not_told_where_only_seeing_is_asked_for(fitted):
    seeing = clone(fitted).set_params(beta=0)
    seeing.__dict__.update({k: v for k, v in vars(fitted).items() if k != "beta"})
    assert "predominant: audio · β = 0" in Parsed(seeing._repr_html_()).texts


@pytest.mark.parametrize("estimator", UNFITTED, ids=lambda e: type(e).__name__)
def test_an_unfitted_one_looks_like_any_estimator_of_scikit_learn(estimator):
    class Plain(BaseEstimator):
        """Stands for any estimator."""

    texts = Parsed(estimator._repr_html_()).texts
    assert "Not fitted" in texts
    assert "Modalities" not in texts
    assert not any("β" in text for text in texts)
    plain, own = Plain()._repr_html_(), estimator._repr_html_()
    assert own.count('class="sk-item') == plain.count('class="sk-item') == 1
    assert "caption" not in own[own.index("</style>") :]


def test_the_plain_text_is_scikit_learns(fitted):
    bundle = fitted._repr_mimebundle_()
    assert bundle["text/plain"] == repr(fitted) == BaseEstimator.__repr__(fitted)
    assert "Modalities" in bundle["text/html"]


def test_pipelines_and_searches_show_it_too(X, y, quick):
    model = make_pipeline(PerModality(StandardScaler()), quick())
    grid = {"frontdoormultimodalclassifier__beta": [0, 1]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    for page in (search.best_estimator_._repr_html_(), search._repr_html_()):
        assert modality_cells(page)[4:6] == ["audio", "4"]
        assert Parsed(page).astray == Parsed(page).open == []


def test_names_are_escaped_everywhere(modalities, y, quick):
    X = {SCRIPT: modalities["audio"], "video": modalities["video"]}
    fusion = FusionClassifier(max_epochs=1, hidden_dim=4)
    models = [
        quick(predominant=SCRIPT),
        fusion,
        make_pipeline(PerModality({SCRIPT: StandardScaler()}), fusion),
    ]
    for model in models:
        page = model.fit(X, y)._repr_html_()
        assert Parsed(page).scripts == 1  # scikit-learn's own
        assert SCRIPT in Parsed(page).texts


def test_a_module_is_told_by_its_class(modalities, y, quick):
    encoders = {"audio": torch.nn.Linear(4, 2), "video": lambda: torch.nn.Linear(3, 2)}
    page = quick(encoders=encoders).fit(modalities, y)._repr_html_()
    assert modality_cells(page)[6::4] == ["Linear", "module"]


def test_pictures_show_the_shape_of_a_row(y, quick):
    X = {"image": np.random.default_rng(0).normal(size=(len(y), 6, 6)), "x": np.ones((len(y), 1))}
    page = quick().fit(X, y)._repr_html_()
    assert modality_cells(page)[4:7] == ["image", "6 × 6", "conv2d"]


def test_where_beta_is_without_effect_it_says_so(modalities, y, quick):
    page = quick(beta=0).fit({"audio": modalities["audio"]}, y)._repr_html_()
    assert "β without effect: one modality" in Parsed(page).texts
    mediated = quick().fit({"audio": modalities["audio"]}, y, mediator=y)
    assert "predominant: audio · β = 1.0, conditional effect · observed mediator" in (
        Parsed(mediated._repr_html_()).texts
    )


def test_the_discrete_classifier_shows_roles(y):
    X = [np.array([["a"], ["b"]] * 60), np.array([["c"], ["d"], ["d"]] * 40)]
    page = DiscreteFrontDoorClassifier(effect="population").fit(X, y, mediator=y)._repr_html_()
    assert modality_cells(page) == [
        *("Modality", "Shape of a row", "Role"),
        *("modality0", "1", "predominant"),
        *("modality1", "1", "auxiliary"),
    ]
    assert "predominant: modality0 · β = 1.0, population effect · observed mediator" in (
        Parsed(page).texts
    )
    page = DiscreteFrontDoorClassifier(beta=0).fit(X, y)._repr_html_()
    assert "β without effect: no mediator" in Parsed(page).texts


def test_a_baseline_shows_what_it_reads(modalities, y):
    small = {"max_epochs": 1, "hidden_dim": 4}
    one = UnimodalClassifier(modality="video", **small).fit(modalities, y)
    assert modality_cells(one._repr_html_())[3::4] == ["Role", "not read", "read"]
    late = LateFusionClassifier(**small).fit(modalities, y)
    assert modality_cells(late._repr_html_())[:3] == ["Modality", "Shape of a row", "Encoder"]
    assert "predominant" not in modality_cells(late._repr_html_())


def test_a_search_shows_the_beta_it_has_chosen(modalities, y):
    search = FrontDoorMultiModalClassifierCV(
        betas=[0.25], cv=2, max_epochs=1, hidden_dim=4, n_references=8, predominant="audio"
    )
    page = search.fit(modalities, y)._repr_html_()
    assert "predominant: audio · β = 0.25, conditional effect" in Parsed(page).texts
    page = search.set_params(refit=False).fit(modalities, y)._repr_html_()
    assert "Not fitted" in Parsed(page).texts


def test_of_a_thousand_modalities_some_are_shown(y, quick):
    page = quick(max_epochs=1).fit([np.ones((len(y), 1))] * 60, y)._repr_html_()
    assert "modality49" in modality_cells(page)
    assert "modality50" not in modality_cells(page)
    assert modality_cells(page)[-1] == "… and 10 more"


@pytest.mark.parametrize("estimator", UNFITTED, ids=lambda e: type(e).__name__)
def test_there_is_no_link_to_a_documentation_that_has_no_address(estimator):
    page = estimator._repr_html_()
    assert "href=" not in page[page.index("</style>") :]


def test_a_class_may_say_where_its_pages_are(quick):
    class Documented(FrontDoorMultiModalClassifier):
        """Has pages."""

        _doc_link_module = __name__.split(".")[0]
        _doc_link_template = "https://docs.invalid/{estimator_name}.html"

    assert 'href="https://docs.invalid/Documented.html"' in Documented()._repr_html_()


def test_per_modality_shows_what_each_modality_was_fitted_with(X):
    texts = Parsed(PerModality(StandardScaler()).fit(X)._repr_html_()).texts
    assert {"audio", "video", "image"} & set(texts) == {"audio", "video"}
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
