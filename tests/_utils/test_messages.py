"""What threads share is changed by one at a time, and in a forked child nobody holds it."""

import os
import threading
import warnings

import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from skbetafd._utils.messages import without_warnings
from skbetafd.nn.encoders import seeded


def enter_while_held(enter, other):
    """Enter `enter` in a thread while this one is in `other`; True if it had to wait."""
    inside, done = threading.Event(), threading.Event()

    def work():
        with enter():
            inside.set()
        done.set()

    thread = threading.Thread(target=work)
    with other():
        thread.start()
        waited = not inside.wait(0.1)
    thread.join(10)
    assert done.is_set()
    return waited


def ignoring():
    return without_warnings(ConvergenceWarning)


def drawing():
    return seeded(torch.Generator().manual_seed(0))


@pytest.mark.parametrize("enter", [ignoring, drawing])
def test_two_threads_are_not_inside_at_once(enter):
    filters, generator = list(warnings.filters), torch.get_rng_state()
    assert enter_while_held(enter, enter)
    assert warnings.filters == filters
    assert torch.equal(torch.get_rng_state(), generator)


def test_only_the_named_warnings_are_ignored_and_only_inside():
    with without_warnings(UserWarning, "The least populated"):
        warnings.warn("The least populated class", UserWarning, stacklevel=1)
        with pytest.warns(UserWarning, match="another"):
            warnings.warn("another", UserWarning, stacklevel=1)
        with pytest.warns(DeprecationWarning):
            warnings.warn("The least populated class", DeprecationWarning, stacklevel=1)
    with pytest.raises(UserWarning):
        warnings.warn("The least populated class", UserWarning, stacklevel=1)


def test_a_block_may_stand_in_a_block():
    with ignoring(), drawing():
        torch.rand(())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("enter", [ignoring, drawing])
def test_a_child_forked_while_a_thread_is_inside_can_enter(enter):
    entered, leave = threading.Event(), threading.Event()

    def stay():
        with enter():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=stay)
    thread.start()
    assert entered.wait(10)
    child = os.fork()
    if child == 0:
        free = enters_within(5, enter)
        os._exit(0 if free else 1)
    _, status = os.waitpid(child, 0)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


def enters_within(seconds, enter):
    """Tell whether a thread gets in before the time is over."""

    def work():
        with enter():
            pass

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()
