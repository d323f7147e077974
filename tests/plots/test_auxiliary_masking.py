import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skbetafd import auxiliary_masking_curve
from skbetafd.diagnosis import MaskingCurve
from skbetafd.plots import AuxiliaryMaskingDisplay


@pytest.fixture
def curve():
    scores = np.array([[0.8, 0.6, 0.5], [0.8, 0.7, 0.5]])
    return MaskingCurve(np.array([0, 0.5, 1]), scores, "video", "codes", 32)


def test_a_line_is_the_mean_over_orders_in_a_band_of_one_sd(curve):
    display = AuxiliaryMaskingDisplay.from_curves({"joint": curve})
    assert_allclose(display.lines_[0].get_ydata(), [0.8, 0.65, 0.5])
    vertices = display.bands_[0].get_paths()[0].vertices
    assert_allclose(np.unique(vertices[vertices[:, 0] == 0.5, 1]), [0.6, 0.7])
    assert display.ax_.get_legend().get_title().get_text() == "mean ± sd of 2 orders"
    assert display.ax_.get_xlabel() == "share masked of the auxiliary codes' dimensions"
    assert display.ax_.get_ylabel() == "accuracy (share of rows)"


def test_a_loss_is_drawn_as_the_loss_itself(curve):
    display = AuxiliaryMaskingDisplay.from_curves({"joint": curve}, scoring="neg_log_loss")
    assert_allclose(display.lines_[0].get_ydata(), [-0.8, -0.65, -0.5])
    assert display.ax_.get_ylabel() == "log-loss (nats)"


def test_several_classifiers_share_axes_and_say_what_was_masked(curve):
    inputs = MaskingCurve(np.array([1, 0]), np.array([[0.2, 0.9]]), "video", "inputs", 4)
    display = AuxiliaryMaskingDisplay.from_curves({"net": curve, "logistic": inputs})
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["net (codes)", "logistic (inputs)"]
    assert_allclose(display.lines_[1].get_xdata(), [0, 1])
    assert len(display.bands_) == 1
    assert display.ax_.get_xlabel() == "share masked of the auxiliary dimensions"


def test_a_fitted_classifier_is_named_by_its_class_and_asked_once(clf, data):
    display = AuxiliaryMaskingDisplay.from_estimator(
        clf, data.X, data.y, shares=[0, 1], n_repeats=2, random_state=0
    )
    known = auxiliary_masking_curve(clf, data.X, data.y, shares=[0, 1], n_repeats=2, random_state=0)
    assert_allclose(display.curves["FrontDoorMultiModalClassifier"].scores, known.scores)
    plain = make_pipeline(LogisticRegression()).fit(data.X, data.y)
    display = AuxiliaryMaskingDisplay.from_estimator(plain, data.X, data.y, random_state=0)
    assert list(display.curves) == ["LogisticRegression"]
