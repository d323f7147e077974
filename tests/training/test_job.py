import numpy as np
import pytest
import torch
from torch import nn

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.baselines import FusionClassifier
from skbetafd.fitting.trainer import training_settings
from skbetafd.training.batches import TrainingTensors
from skbetafd.training.job import TrainingJob

PARAMETERS = FrontDoorMultiModalClassifier().get_params()


def n_batches(n, batch_size):
    rows = TrainingTensors([torch.zeros(n, 1)], torch.zeros(n), torch.ones(n))
    settings = training_settings({**PARAMETERS, "batch_size": batch_size}, [], 0)
    return TrainingJob(None, None, rows, settings, torch.Generator()).n_batches


def test_only_a_batch_of_one_row_joins_another():
    for size in (2, 3, 4, 64):
        for n in range(2, 200):
            plain = -(-n // size)
            alone = n // plain < 2
            assert n_batches(n, size) == (plain - 1 if alone else plain)
            assert n // n_batches(n, size) >= 2
    assert (n_batches(1, 2), n_batches(9, -1)) == (1, 1)


@pytest.mark.parametrize("estimator", [FrontDoorMultiModalClassifier, FusionClassifier])
def test_a_module_with_batch_norm_trains_whatever_the_number_of_rows(estimator):
    rng = np.random.default_rng(0)
    X, y = [rng.normal(size=(9, 4)), rng.normal(size=(9, 3))], np.arange(9) % 2
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())
    parameters = {"max_epochs": 1, "batch_size": 2, "random_state": 0}
    fitted = estimator(encoders={"modality0": module}, **parameters).fit(X, y)
    assert np.isfinite(fitted.predict_proba(X)).all()
