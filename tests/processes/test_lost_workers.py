"""A worker that is killed ends a search by an error that says so; checkpoints let it go on."""

import os
import signal

import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV

pytestmark = pytest.mark.slow

SMALL = {"max_epochs": 4, "batch_size": 32, "hidden_dim": 8, "random_state": 0}
SMALL |= {"calibrate": False}


def killer(folder):
    """Make a callback that kills its worker once, in the third epoch, and counts epochs."""
    from skorch.callbacks import Callback  # its class is pickled by value: workers lack this file

    class Killer(Callback):
        def __init__(self, folder, parent):
            self.folder, self.parent = folder, parent

        def on_epoch_begin(self, net, **kwargs):
            with open(f"{self.folder}/epochs", "a") as file:
                file.write("x")
            if len(net.history) == 3 and os.getpid() != self.parent:
                try:
                    os.unlink(f"{self.folder}/armed")
                except FileNotFoundError:
                    return
                os.kill(os.getpid(), signal.SIGKILL)

    Killer.__qualname__ = "Killer"  # as in a copy by value: it is in the fingerprint
    (folder / "armed").touch()
    return Killer(str(folder), os.getpid())


def test_the_own_search_says_so_and_goes_on_from_its_checkpoints(X, y, tmp_path):
    search = FrontDoorMultiModalClassifierCV(
        **SMALL, cv=4, n_jobs=2, refit=False, checkpoint_dir=tmp_path / "checkpoints"
    )
    expected = FrontDoorMultiModalClassifierCV(**SMALL, cv=4, refit=False).fit(X, y)
    search.set_params(callbacks=[killer(tmp_path)])
    before = dict(vars(search))
    with pytest.raises(TerminatedWorkerError, match="terminated"):
        search.fit(X, y)
    assert vars(search) == before
    (tmp_path / "epochs").write_text("")
    # as a worker that is killed while it writes would leave it
    (tmp_path / "checkpoints" / "setting-0-fold-0" / ".skbetafd-1-1.tmp").write_bytes(b"half")
    search.set_params(n_jobs=None).fit(X, y)
    assert 0 < len((tmp_path / "epochs").read_text()) <= 4 * 4 - 2
    assert_allclose(search.scores_, expected.scores_, atol=0.03)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_scikit_learn_s_search_says_so(X, y, tmp_path):
    clf = FrontDoorMultiModalClassifier(**SMALL, callbacks=[killer(tmp_path)])
    search = GridSearchCV(clf, {"beta": [0, 1]}, cv=2, n_jobs=2)
    with pytest.raises(TerminatedWorkerError, match="terminated"):
        search.fit(X, y)
    assert not hasattr(search, "cv_results_")
