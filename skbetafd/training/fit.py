"""Training of one network through skorch."""

from __future__ import annotations

import warnings
from copy import deepcopy

from skorch import NeuralNet
from skorch.callbacks import EpochTimer

from .callbacks import StopTraining, default_callbacks
from .job import TrainingJob, make_net, own_draws, own_rates


def train(job: TrainingJob) -> NeuralNet:
    """Train one network.

    Returns
    -------
    skorch.NeuralNet
        With the trained network in ``module_`` and an entry an epoch in ``history``.

    Warns
    -----
    UserWarning
        If the training is interrupted after at least one epoch; the network is kept as it is.

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted before that, or has a checkpoint, from which it can go on.
    """
    batches = job.batches()
    n_steps = job.settings.max_epochs * job.n_batches
    s = job.settings
    rates = [*own_rates(job.network).values(), s.learning_rate]
    net = make_net(job, default_callbacks(s.verbose, s.lr_schedule, rates, n_steps))
    net.batches_ = batches
    with own_draws(job):
        _run(net, job)
    net.release()
    return net


def train_one_pass(
    job: TrainingJob, earlier: NeuralNet | None, *, keep_optimizer: bool
) -> NeuralNet:
    """Pass once over the rows at a constant learning rate.

    Parameters
    ----------
    job : TrainingJob
        With the network as `earlier` left it.
    earlier : NeuralNet or None
        Whose history goes on; it stays as it is.
    keep_optimizer : bool
        Whether its optimizer's state goes on too.

    Returns
    -------
    skorch.NeuralNet
        The trained net.
    """
    net = make_net(job, [("epoch_timer", EpochTimer())])
    net.batches_ = job.batches()
    if earlier is not None:
        net.history.extend(deepcopy(earlier.history.to_list()))
    if earlier is not None and keep_optimizer:
        state = net.optimizer_.state_dict()
        state["state"] = deepcopy(earlier.optimizer_.state_dict()["state"])  # changed in place
        net.optimizer_.load_state_dict(state)
    net.notify("on_train_begin", X=job.rows, y=None)
    with own_draws(job):
        net.fit_loop(job.rows, epochs=1)
    net.notify("on_train_end", X=job.rows, y=None)
    net.release(keep_optimizer=True)
    return net


def _run(net: NeuralNet, job: TrainingJob) -> None:
    rows, checkpoint = job.rows, job.checkpoint
    net.notify("on_train_begin", X=rows, y=None)
    complete = checkpoint is not None and checkpoint.resume(net)
    try:
        if not complete:
            net.fit_loop(rows, epochs=net.max_epochs - len(net.history))
    except KeyboardInterrupt as stop:
        if checkpoint is not None and not isinstance(stop, StopTraining):
            net.notify("on_train_end", X=rows, y=None)
            raise
        _settle_interrupt(net)
    if checkpoint is not None:
        checkpoint.save(net, complete=True)
    net.notify("on_train_end", X=rows, y=None)


def _settle_interrupt(net: NeuralNet) -> None:
    """Let a callback stop after an epoch (skorch's way is this exception); warn of a user's."""
    if "train_loss" in net.history[-1]:
        return
    drop_unfinished_epoch(net)
    warn_of_interrupt(net)


def drop_unfinished_epoch(net: NeuralNet) -> None:
    """Take an interrupted epoch out of the history; without another one, there is no fit."""
    if net.history and "train_loss" not in net.history[-1]:
        del net.history[-1]
    if not net.history:
        raise KeyboardInterrupt


def warn_of_interrupt(net: NeuralNet) -> None:
    """Tell the user that the training is not complete."""
    warnings.warn(
        f"Training was interrupted in epoch {len(net.history) + 1} of {net.max_epochs}; the "
        "network is kept as it was then.",
        UserWarning,
        stacklevel=7,
    )
