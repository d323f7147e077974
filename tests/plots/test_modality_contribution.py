from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skbetafd import modality_contributions
from skbetafd.diagnosis import ModalityContributions
from skbetafd.plots import ModalityContributionDisplay


def made(n_classes=3, n_modalities=2):
    by_class = np.linspace(-0.2, 0.6, n_classes * n_modalities).reshape(n_classes, -1)
    values = by_class.mean(axis=0)
    return ModalityContributions(
        names=tuple(f"modality {m}" for m in range(n_modalities)),
        values=values,
        interval=np.column_stack([values - 0.05, values + 0.1]),
        by_class=by_class,
        classes=np.arange(n_classes),
        score=0.8,
        score_without_any=0.4,
        subset_scores={},
        imbalance=0.3,
        method="mean",
        confidence_level=0.9,
    )


def test_bars_are_the_values_and_whiskers_span_the_interval():
    found = made()
    display = ModalityContributionDisplay.from_contributions(found)
    assert_allclose([bar.get_width() for bar in display.bars_], found.values)
    ends = [segment[:, 0] for segment in display.whiskers_[2][0].get_segments()]
    assert_allclose(ends, found.interval)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == list(found.names)
    assert display.ax_.get_xlabel() == (
        "Shapley value of accuracy (share of rows)\nwhiskers: 90% interval over rows"
    )
    assert display.ax_.get_title() == "score with all modalities 0.8, none 0.4"


def test_a_score_without_intervals_has_no_whiskers_and_names_itself():
    found = replace(made(), interval=np.full((2, 2), np.nan), by_class=None)
    display = ModalityContributionDisplay.from_contributions(found, scoring="neg_log_loss")
    assert display.whiskers_ is None
    assert display.ax_.get_xlabel() == "Shapley value of −log-loss (nats)"
    display = ModalityContributionDisplay.from_contributions(found)
    assert display.ax_.get_xlabel() == "Shapley value of the score"


def test_by_class_every_number_is_written_in_its_cell():
    found = made()
    display = ModalityContributionDisplay.from_contributions(found, by_class=True)
    assert [text.get_text() for text in display.texts_[:2]] == ["−0.20", "−0.04"]
    assert [text.get_position() for text in display.texts_[:2]] == [(0, 0), (1, 0)]
    assert_allclose(display.image_.get_array(), found.by_class)
    assert display.image_.norm.vmin == -display.image_.norm.vmax


def test_a_class_without_rows_is_shown_as_missing_and_not_as_0():
    by_class = made().by_class.copy()
    by_class[1] = np.nan
    display = ModalityContributionDisplay.from_contributions(
        replace(made(), by_class=by_class), by_class=True
    )
    assert display.image_.get_array().mask.tolist() == [[False] * 2, [True] * 2, [False] * 2]
    texts = [text.get_text() for text in display.texts_]
    assert texts.count("1: no row of positive weight") == 1
    assert len(display.texts_) == 5
    assert [patch.get_hatch() for patch in display.ax_.patches] == ["////"]


def test_a_class_whose_rows_have_weight_0_is_not_said_to_have_no_rows(clf, data):
    display = ModalityContributionDisplay.from_estimator(
        clf, data.X, data.y, sample_weight=(data.y != 2) * 1.0, n_bootstrap=2, by_class=True
    )
    assert display.texts_[4].get_text() == "2: no row of positive weight"


def test_drawn_again_there_is_one_colour_bar_and_one_number_a_cell():
    display = ModalityContributionDisplay.from_contributions(made(), by_class=True)
    display.plot(display.ax_, by_class=True)
    assert len(display.figure_.axes) == 2
    assert list(display.ax_.texts) == display.texts_
    display.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("user", "colours"),
    [
        ({}, {"black", "white"}),
        ({"vmin": -9, "vmax": 9, "cmap": "PuOr"}, {"black"}),
        ({"vmin": -9, "vmax": -8}, {"white"}),
    ],
)
def test_numbers_can_be_read_on_the_colours_that_the_user_chose(user, colours):
    display = ModalityContributionDisplay.from_contributions(made(), by_class=True, **user)
    assert {text.get_color() for text in display.texts_} == colours


def test_of_very_many_classes_no_number_is_too_small_to_read_and_no_label_overlaps():
    display = ModalityContributionDisplay.from_contributions(made(300, 3), by_class=True)
    assert display.texts_ == []
    display.figure_.canvas.draw()
    boxes = [label.get_window_extent() for label in display.ax_.get_yticklabels()]
    assert all(not one.overlaps(other) for one, other in pairwise(boxes))
    assert len(ModalityContributionDisplay.from_contributions(made(14, 5), by_class=True).texts_)


def test_values_by_class_are_of_accuracy_alone():
    with pytest.raises(ValueError, match=r"needs contributions to accuracy.*'neg_log_loss'"):
        ModalityContributionDisplay.from_contributions(
            replace(made(), by_class=None), scoring="neg_log_loss", by_class=True
        )


def test_a_fitted_classifier_is_asked_with_the_same_arguments(clf, data):
    display = ModalityContributionDisplay.from_estimator(
        clf, data.X, data.y, n_bootstrap=20, random_state=0, by_class=True
    )
    known = modality_contributions(clf, data.X, data.y, n_bootstrap=20, random_state=0)
    assert_allclose(display.contributions.values, known.values)
    assert_allclose(display.contributions.interval, known.interval)
