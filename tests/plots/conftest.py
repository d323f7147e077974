import matplotlib
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.datasets import make_confounded_modalities


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="package")
def data():
    return make_confounded_modalities(200, random_state=0)


@pytest.fixture(scope="package")
def clf(data):
    return FrontDoorMultiModalClassifier(max_epochs=3, random_state=0).fit(data.X, data.y)
