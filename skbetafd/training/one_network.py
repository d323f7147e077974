"""Training of one network through skorch."""

from __future__ import annotations

from copy import deepcopy

from skorch import NeuralNet
from skorch.callbacks import EpochTimer

from .callbacks import default_callbacks
from .divergence import check_finite_predictions
from .job import TrainingJob, make_net, own_draws, own_rates
from .net import FrontDoorNet
from .stopping import KeepEpoch, StopTraining, callback_of, is_stop, settle_interrupt


def train(job: TrainingJob, *, keep_interrupted: bool = False) -> NeuralNet:
    """Train one network.

    Parameters
    ----------
    job : TrainingJob
        With a checkpoint, the training goes on from there.
    keep_interrupted : bool
        Whether an interrupted training without a checkpoint ends with its best epoch or, without
        early stopping, its last complete one; else the interrupt is raised.

    Returns
    -------
    skorch.NeuralNet
        With the trained network in ``module_`` and an entry an epoch in ``history``.

    Warns
    -----
    UserWarning
        If the training is interrupted, and which epoch's network is kept.

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted in the first epoch, has a checkpoint, from which it can go on, or
        is not to be kept.
    ValueError
        If it diverges.
    """
    keep_interrupted = keep_interrupted and job.checkpoint is None
    batches = job.batches()
    n_steps = job.settings.max_epochs * job.n_batches
    s = job.settings
    rates = [*own_rates(job.network).values(), s.learning_rate]
    own = default_callbacks(s.verbose, s.lr_schedule, rates, n_steps)
    net = make_net(job, own, keep_interrupted=keep_interrupted)
    net.batches_ = batches
    with own_draws(job):
        _run(net, job, keep_interrupted=keep_interrupted)
        end_training(net, job)
    return net


def end_training(net: FrontDoorNet, job: TrainingJob, *, keep_optimizer: bool = False) -> None:
    """Go back to the best epoch of early stopping, call the callbacks, check and clean up."""
    if job.held_out is not None:
        callback_of(net, KeepEpoch).go_back(net)
    net.notify("on_train_end", X=job.rows, y=None)
    check_finite_predictions(net, job.rows)
    net.release(keep_optimizer=keep_optimizer)


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
        try:
            net.fit_loop(job.rows, epochs=1)
        except StopTraining as error:  # there is no further epoch that it could stop
            if not is_stop(net, error):
                raise
        end_training(net, job, keep_optimizer=True)
    return net


def _run(net: FrontDoorNet, job: TrainingJob, *, keep_interrupted: bool) -> None:
    rows, checkpoint = job.rows, job.checkpoint
    net.notify("on_train_begin", X=rows, y=None)
    complete = checkpoint is not None and checkpoint.resume(net)
    try:
        if not complete:
            net.fit_loop(rows, epochs=net.max_epochs - len(net.history))
    except KeyboardInterrupt as error:
        if not is_stop(net, error):
            if checkpoint is not None and checkpoint.path.exists():
                error.add_note(f"The same call goes on after the last epoch in {checkpoint.path}.")
            if not (keep_interrupted and settle_interrupt([net])):
                net.notify("on_train_end", X=rows, y=None)
                raise
    if checkpoint is not None:
        checkpoint.save(net, complete=True)
