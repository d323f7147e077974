"""A disk that is full or read-only: every writer leaves the old file and names it."""

import contextlib
import errno
import os
import resource

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.utils import Bunch

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd import __main__ as main_job
from skbetafd.persistence import export
from skbetafd.training.net import FrontDoorNet

pytestmark = pytest.mark.slow

ROOM = 4096
"""Bytes, less than any of the files needs."""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def full():
    """Limit the size of files, of which what exceeds a page is not written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def read_only():
    """Let nothing be opened to be written: root could write to a folder that is protected."""
    opened = open

    def refusing(path, mode="r", *args, **kwargs):
        if "w" in mode:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return opened(path, mode, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.open", refusing)
        yield errno.EROFS


@pytest.fixture(scope="module")
def fitted(quick, modalities, y):
    # wide enough that no file of it fits a page
    return quick(hidden_dim=32, max_epochs=2).fit(modalities, y)


@pytest.fixture
def exporter(monkeypatch):
    """Stands for torch's exporter, which takes seconds."""
    helper = pytest.importorskip("onnx.helper")
    weights = helper.make_tensor("weights", helper.TensorProto.FLOAT, [9999], np.ones(9999))
    node = helper.make_node("Identity", ["weights"], ["label"])
    out = helper.make_tensor_value_info("label", helper.TensorProto.FLOAT, [9999])
    graph = helper.make_graph([node], "graph", [], [out], [weights])
    monkeypatch.setattr(export, "_exported", lambda *_: helper.make_model(graph))


DRAW = main_job.draw_beta_curves


def picture(clf, path):
    rows = {"audio": np.ones((30, 4)), "video": np.ones((30, 3))}
    test = Bunch(X=rows, y=clf.classes_[np.arange(30) % 3])
    DRAW(clf, Bunch(iid=test, half_broken=test, broken=test), path)


WRITERS = {
    "save": FrontDoorMultiModalClassifier.save,
    "to_onnx": FrontDoorMultiModalClassifier.to_onnx,
    "picture": picture,
}


@pytest.mark.usefixtures("exporter")
@pytest.mark.parametrize("fault", [full, read_only])
@pytest.mark.parametrize("writer", WRITERS)
def test_the_old_file_stays_and_the_error_names_it(writer, fault, fitted, folder):
    path = folder / "file"
    path.write_bytes(b"old")
    with fault() as number:
        before = sorted(os.listdir(folder))
        with pytest.raises(OSError) as caught:
            WRITERS[writer](fitted, path)
        assert sorted(os.listdir(folder)) == before
    assert caught.value.errno == number
    assert str(caught.value) == f"[Errno {number}] {os.strerror(number)}: {str(path)!r}"
    assert path.read_bytes() == b"old"
    WRITERS[writer](fitted, path)
    assert path.stat().st_size > ROOM


@pytest.mark.parametrize("fault", [full, read_only])
def test_a_checkpoint_stays_and_the_fit_goes_on_from_it(
    fault, fitted, folder, modalities, y, quick
):
    clf = quick(hidden_dim=32, max_epochs=4, batch_size=32, checkpoint_dir=folder)
    expected = quick(hidden_dim=32, max_epochs=4, batch_size=32).fit(modalities, y)
    path = folder / "network-0.pt"
    with contextlib.ExitStack() as stack, pytest.raises(OSError) as caught:
        number = []

        def break_down(net):
            if len(net.history) == 2:
                number.append(stack.enter_context(fault()))

        with watching(break_down):
            clf.fit(modalities, y)
    assert caught.value.errno == number[0]
    assert caught.value.filename == str(path)
    assert not hasattr(clf, "net_")
    assert os.listdir(folder) == ["network-0.pt"]
    epochs = []
    with watching(lambda net: epochs.append(len(net.history))):
        clf.fit(modalities, y)
    assert epochs == [2, 3, 4]
    assert_array_equal(clf.predict_proba(modalities), expected.predict_proba(modalities))
    assert os.listdir(folder) == []


@contextlib.contextmanager
def watching(call):
    """Call a function at the end of the steps of each epoch, before its checkpoint."""
    record = FrontDoorNet.record_epoch

    def recorded(net, *args, **kwargs):
        record(net, *args, **kwargs)
        call(net)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrontDoorNet, "record_epoch", recorded)
        yield


def test_the_command_line_says_why_there_is_no_picture(fitted, folder, monkeypatch):
    monkeypatch.setattr(main_job, "draw_beta_curves", lambda clf, _, path: picture(clf, path))
    with contextlib.chdir(folder), read_only() as number:
        said = main_job.save_picture(fitted, None)
    assert said.startswith("No picture: beta_curve.png can't be written here")
    assert os.strerror(number) in said
