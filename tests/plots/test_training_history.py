import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import FrontDoorMultiModalClassifier, PerModality
from skbetafd.baselines import FusionClassifier, LateFusionClassifier
from skbetafd.plots import TrainingHistoryDisplay


def test_every_loss_of_the_history_is_a_line_over_its_epochs(clf):
    display = TrainingHistoryDisplay.from_estimator(clf)
    assert_allclose(display.lines_["criterion"].get_ydata(), clf.history_[:, "train_loss"])
    assert_allclose(
        display.lines_["knowledge"].get_ydata(), clf.history_[:, "train_knowledge_loss"]
    )
    assert_allclose(display.lines_["outcome"].get_xdata(), [1, 2, 3])
    assert len(display.lines_) == 10
    assert display.best_epoch_line_ is None


def test_early_stopping_adds_the_held_out_loss_and_marks_the_epoch_that_was_kept(data):
    clf = FrontDoorMultiModalClassifier(max_epochs=4, early_stopping=True, random_state=0)
    display = TrainingHistoryDisplay.from_estimator(clf.fit(data.X, data.y))
    assert_allclose(display.lines_["held out"].get_ydata(), clf.history_[:, "valid_loss"])
    assert display.best_epoch == clf.best_epoch_
    assert display.best_epoch_line_.get_xdata()[0] == clf.best_epoch_


@pytest.mark.parametrize(
    "clf", [FusionClassifier(balancing="mla"), LateFusionClassifier()], ids=["mla", "late"]
)
def test_the_methods_to_compare_with_have_a_history_too(clf, data):
    clf.set_params(max_epochs=3, early_stopping=True, random_state=0).fit(data.X, data.y)
    display = TrainingHistoryDisplay.from_estimator(clf)
    assert display.best_epoch == 1 + np.argmin(clf.history_[:, "valid_loss"])
    assert {"criterion", "held out"} <= set(display.losses)
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert {"criterion (weighted sum)", "held out (cross-entropy alone)"} <= set(legend)


def test_a_pipeline_and_a_search_are_asked_for_the_network_inside(data):
    clf = FrontDoorMultiModalClassifier(max_epochs=2, random_state=0)
    pipeline = make_pipeline(PerModality(StandardScaler()), clf)
    search = GridSearchCV(pipeline, {}, cv=2).fit(data.X, data.y)
    display = TrainingHistoryDisplay.from_estimator(search)
    assert len(display.losses["criterion"]) == 2


def test_chosen_terms_keep_their_style_and_others_are_left_out(clf):
    every = TrainingHistoryDisplay.from_estimator(clf)
    some = TrainingHistoryDisplay.from_estimator(clf, terms=["outcome"], linewidth=5)
    assert list(some.lines_) == ["outcome"]
    line = some.lines_["outcome"]
    assert line.get_color() == every.lines_["outcome"].get_color()
    assert line.get_linewidth() == 5
    with pytest.raises(ValueError, match=r"some of \['criterion', .*got \['held out'\]"):
        every.plot(terms=["held out"])


@pytest.mark.parametrize(
    ("losses", "scale"), [([20.0, 1.0], "log"), ([2.0, 1.0], "linear"), ([20.0, 0.0], "linear")]
)
def test_the_scale_is_logarithmic_where_losses_are_far_apart_and_positive(losses, scale):
    display = TrainingHistoryDisplay(losses={"criterion": np.array([*losses, np.nan])}).plot()
    assert display.ax_.get_yscale() == scale
    assert ("log scale" in display.ax_.get_ylabel()) == (scale == "log")


def test_logarithmic_axes_that_are_drawn_in_again_still_say_so():
    display = TrainingHistoryDisplay(losses={"far": np.array([20.0, 1]), "near": np.ones(2)})
    ax = display.plot().ax_
    display.plot(ax, terms=["near"])
    assert ax.get_yscale() == "log"
    assert ax.get_ylabel() == "mean loss a row (log scale)"


def test_one_epoch_is_a_point_at_a_whole_number():
    display = TrainingHistoryDisplay(losses={"criterion": np.ones(1)}).plot()
    assert all(tick == round(tick) for tick in display.ax_.get_xticks())
