import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_notebook_s_bars_are_asked_for_only_where_a_bar_is_shown():
    code = (
        "import sys, numpy as np, skbetafd, skbetafd.plots\n"
        "X, y = [np.eye(30, 3), np.eye(30, 4)], np.arange(30) % 2\n"
        "clf = skbetafd.FrontDoorMultiModalClassifier(max_epochs=1, n_members=2)\n"
        "clf.fit(X, y)\n"
        "assert 'tqdm.auto' not in sys.modules\n"
        "clf.set_params(verbose=1).fit(X, y)\n"
        "assert 'tqdm.auto' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "100%" in done.stderr
