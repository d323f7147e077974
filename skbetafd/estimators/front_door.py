"""FrontDoorMultiModalClassifier: see or do, over several modalities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from .._utils.all_or_nothing import all_or_nothing
from .._utils.exceptions import VacuousAdjustmentWarning
from .._utils.messages import warn
from .._utils.out_of_memory import training_memory
from .._utils.sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    with_callbacks,
)
from ..fitting.checkpoint_files import remove_checkpoints, with_checkpoints
from ..fitting.fit import fit_all, fit_cached
from ..fitting.request import NOT_IN_FIT, READ_AT_PREDICTION, FitRequest, FitResult, Member
from ..fitting.seeing_classifier import SeeingClassifier
from ..fitting.splits import EARLY_STOPPING
from ..fitting.trainer import presence_tensor
from ..fitting.warm_start import Start
from ..inputs.columns import ungrouped
from ..inputs.multimodal_array import flat_names
from ..inputs.numeric import NumericRows
from ..inputs.torch_dataset import labelled
from ..inputs.training_rows import TrainingRows
from ..nn.adjustment import log_proba_path
from ..nn.front_door_network import Codes, FrontDoorNetwork
from ..nn.mediator import MediatorNetwork, mediated_log_proba_path
from ..nn.reference_support import support
from ..nn.torch_modes import predicting
from ..persistence.export import ExportMixin
from ..persistence.saving import PersistenceMixin
from ..training.schedule import SCHEDULES
from .health import check_health
from .network_classifier import CodeEncoder, NetworkClassifier, finite, refuse_overflow
from .partial_fit import PartialFitMixin
from .prediction import BetaPathMixin
from .sklearn_callbacks import FitTasks


class FrontDoorMultiModalClassifier(
    CallbackSupportMixin, BetaPathMixin, ExportMixin, PersistenceMixin, PartialFitMixin
):
    """Multi-modal classifier that can see (β = 0), do (β = 1), or anything between.

    One modality often predominates, and what it shows is partly knowledge of the label and
    partly the context it was recorded in. This classifier learns to keep the two apart, a
    knowledge code that the auxiliary modalities share and a context code that holds the rest,
    and predicts under a β-generalised front-door adjustment::

        P_β(y | t, a) = (1 − β) P(y | t, a) + β P(y | do(t), a)

    β = 0 is the ordinary multi-modal classifier. β = 1 replaces each sample's own context by the
    contexts of the training population. β costs nothing at fit: one fit serves every β.

    Parameters
    ----------
    beta : float in [0, 1], default=1.0
        Share of cases in which the link from the hidden confounder to the predominant modality
        is taken as broken; read at prediction. The default is what the name promises. I.i.d.
        data are served best by 0; see Notes.
    effect : {"conditional", "population"}, default="conditional"
        P(y | do t, a), or P(y | do t) with the auxiliaries drawn from the population too; read
        at prediction. "conditional" where a row's modalities show the same case and the context
        alone may change; "population" where the predominant modality was put in from elsewhere,
        so that the row's own auxiliaries tell nothing of it.
    predominant : "auto", str or int, default="auto"
        The predominant modality: its name, its position, or the one with the best
        cross-validated quadratic ridge probe on (at most 2,000) training rows. It is the one
        whose context is intervened on: name it, if you know whose recording conditions may
        change. A confounder on another modality is not adjusted for.
    modalities : mapping or sequence, default=None
        For flat input, which columns belong to which modality: widths in order, slices, or
        lists of column positions or names, under the modality's name or in order. With None, a
        DataFrame is grouped by the first level of its columns or by prefixes ``audio__x``; any
        other flat input is one modality, and β is without effect. For input that comes in
        modalities, it must agree with them. BaggingClassifier, AdaBoostClassifier,
        OneVsOneClassifier and ClassifierChain hand a MultiModalArray on flat, so that they need it
        (ClassifierChain a last slice that is open, ``slice(4, None)``, for the labels it adds).
    encoders : str, or mapping of str or int to str, torch.nn.Module or callable, default="auto"
        How each modality is read: one kind for all, or one a modality by its name or position (the
        others are "auto"). "mlp" is one hidden layer, "linear" none. "conv2d" is a small
        convolutional network for pictures (H, W), (C, H, W) or, with at most 4 channels, (H, W,
        C); "conv1d" the same over the steps of sequences (L, C) of equal length; "sequence" a
        bidirectional GRU for sequences of any length up to L, the steps after the last being NaN
        in all channels. "auto" takes "mlp" for tables, "conv2d" for three axes a row and for two
        of equal length without padding, "sequence" for other rows (L, C) of more than one step. A
        torch module reads float rows in their own shape, as they come (they are not standardised;
        a row that lacks the modality is 0, and padding is refused), and returns features, of
        which "mlp" makes the code. A copy of it is trained for each code; where no parameter of
        it requires a gradient, it is frozen: its features are made once, in evaluation mode, and
        standardised. A callable without arguments returns a new module.
    encoder_learning_rate : float or mapping of str to float, default=None
        Peak learning rate of the user's modules, for all or by modality; None is `learning_rate`.
        A pretrained module wants a smaller one.
    seeing : "network" or scikit-learn classifier, default="network"
        What estimates P(y | t, a), which is β = 0. The network reads whatever a modality may be,
        and is saved and exported with the rest. A classifier (gradient boosting, where trees know
        a table better) is cloned and fitted on the rows that the network is trained on, as one
        flat table: the modalities side by side as in ``np.asarray(MultiModalArray(X))``, gaps as
        NaN, a pandas DataFrame where all columns have names (``modality__column``). β = 0 is then
        exactly that classifier, β between mixes, rows that lack the predominant modality are
        predicted by it at every β, and no network is trained for either. It is handed the weights
        of the rows, whose sum is that of `sample_weight`, and no groups; what in it has a
        `random_state` of None draws from this one. A further `fit` fits it anew, `partial_fit`
        calls its own. Such a fit is pickled, not saved, and exported at β = 1 alone.
    hidden_dim : int, default=128
        Width of each hidden layer.
    knowledge_dim : int, default=32
        Width of the knowledge code and of each auxiliary code.
    context_dim : int, default=32
        Width of the context code. Much less (4) pushes the context into the knowledge code.
    n_references : int, default=256
        Most references (weighted k-means centres of the knowledge, context and auxiliary codes)
        that stand for the training population; with no more rows than that, every row is one.
        Little is gained beyond.
    n_mediator_samples : int, default=32
        Quasi-random points at which a continuous observed mediator is averaged over; without
        one, it is not used.
    knowledge_weight : float, default=1.0
        Weight of the discriminative-knowledge loss (InfoNCE between knowledge and auxiliaries).
        2 keeps more of what confounds out of the knowledge of pictures that convolutions read,
        and costs knowledge that the auxiliaries do not share.
    disentangle_weight : float, default=1.0
        Weight of the dependences (HSIC) that keep the codes apart: of knowledge on context, and
        of context on the auxiliaries and on what knowledge says of the label.
    label_weight : float, default=1.0
        Weight of the label's cross-entropy from knowledge alone, each row counted as far as
        knowledge and auxiliaries together hold its label for likely: the user's belief that what
        only the predominant modality shows is knowledge, not context. Nothing in the data decides
        that. 0 keeps only what is shared; 3 keeps more where classes are many, and lets what
        confounds leak into the knowledge.
    temperature : float, default=0.3
        Temperature of the discriminative-knowledge loss.
    dropout : float in [0, 1), default=0.4
        Probability of leaving out a hidden unit in training.
    standardize : bool, default=True
        Bring each feature to mean 0 and variance 1, with the training rows' statistics. A
        picture, a square (H, W) or one of more axes a row, has one variance for all its pixels, a
        sequence (L, C) one a channel. Where "mlp" or "linear" would read more than 32 values of
        either, it reads their first 32 principal components, and does not learn pixels by heart. A
        sparse matrix has one scale for all its columns, and keeps its zeros. What varies by
        rounding alone is not scaled up.
    max_epochs : int or "auto", default="auto"
        Passes over the training rows. "auto" takes 30, more where there are more than ten
        classes, by the root of their number, and fewer for more than 2,000 rows, by the cube root:
        14 for 20,000.
    batch_size : int or "auto", default="auto"
        Most rows in a batch, at least 2; -1 means all rows. An epoch is cut into equal batches.
        "auto" takes 128, from 65,536 rows on the power of 2 below their root.
    learning_rate : float, default=3e-3
        Peak of AdamW's schedule; see `lr_schedule`.
    weight_decay : float, default=1e-2
        AdamW's decoupled weight decay; torch's own default.
    lr_schedule : {"one-cycle", "cosine", "constant"}, default="one-cycle"
        Learning rate over the batches of all epochs: up to the peak and down to nearly 0 (the
        default, under which the others were chosen), from the peak down to 0, or the peak.
    max_grad_norm : float, default=None
        Gradients of a larger Euclidean norm are scaled down to it, for each network by itself.
        None leaves them as they are.
    class_weight : dict of label to float or "balanced", default=None
        By which the weights of a label's rows are multiplied; a label left out has 1, and 0
        leaves its rows out. "balanced" gives every label the same total weight. None: as the
        rows come.
    calibrate : bool, default=True
        Divide the logits of P(y | t, a) by a temperature, one of rows that have all modalities
        and one of the others, at which the log-loss of rows that its network has not seen is
        least: those of the inner split with `early_stopping`, else all rows, by networks that
        are trained without a third of the rows each (of 1,500 rows or more, by one such network),
        groups kept together. That takes up to half as long as the rest of the fit, more with
        encoders that can't be stacked; labels at β = 0 are the same without. A further fit
        (`warm_start`, `partial_fit`) without held-out rows keeps the temperatures. A classifier
        of `seeing` is left as it is.
    early_stopping : bool, default=False
        Keep the epoch with the lowest loss on an inner split of the training rows. Watched is
        the log-loss of P(y | t, a), at each row's own context (or, of a row that lacks a
        modality, by what it has): what serves β = 0 best. With an observed mediator it is the
        whole loss, with a classifier as `seeing` the head's log-loss at each row's own context.
        The rows held out move neither weights nor references, and no classifier sees them.
    validation_fraction : float in (0, 0.5], default=0.2
        Share of the training rows in the inner split, stratified by label, rounded to a whole
        number of folds, of which there are at most as many as groups, or rows of the commonest
        class. Exact copies of a row stay on one side only if `groups` say so.
    n_iter_no_change : int, default=10
        Epochs without a lower loss after which early stopping ends the training.
    warm_start : bool, default=False
        Start a further `fit` from the weights that are there, with their scaling and predominant
        modality, on a schedule of its own; the reference set is made of the new rows alone.
        Classes, modalities, widths, `encoders` (of a frozen module also its weights), `standardize`
        and the levels of an observed mediator must be the same.
    callbacks : list of skorch callbacks, default=None
        Added to the training loop. Monitor ``"train_loss"`` or, with `early_stopping`,
        ``"valid_loss"``. What a callback of your own finds in training, name with an underscore at
        the end: a search can't copy it otherwise. scikit-learn's own callbacks are set by
        ``set_callbacks``; they are told of every epoch, of the first member where there are
        several.
    n_members : int, default=1
        Independently initialised networks, trained together, whose probabilities are averaged.
    predict_batch_size : int, default=65536
        Rows scaled and encoded at once, which bounds the memory of a prediction; read there.
    memory : str, pathlib.Path or joblib.Memory, default=None
        Where fits are kept, so that a search over what is read at prediction (`beta`, `effect`)
        fits once a fold. The key is the data's content and every other parameter. Only a fit
        with an int `random_state`, without callbacks and without modules of the user's is kept: no
        other can be told to be the same, and `fit` warns of it. Stores are read once for the key.
    checkpoint_dir : str or pathlib.Path, default=None
        Where the state of the training is written after each epoch, in a file a network; those
        of several members are then trained one by one. A fit with the same data and parameters
        that finds the files goes on, and on a CPU ends bitwise where the uninterrupted fit with
        checkpoint_dir ends (several members trained together differ from it in rounding). Apart
        are durations, `callbacks`, and modules of your own with generators or changing attributes
        of their own: those begin anew, and the callbacks of skorch that need their state
        (EarlyStopping, LRScheduler) are refused. Ctrl-C then raises KeyboardInterrupt. A completed
        fit removes its files. To know the data again, stores are read once more, some
        rows at a time; a callable of `encoders` is known by the text and the shapes of what it
        makes. One fit at a time may use a directory.
    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network and its data. "bfloat16" is mixed precision for GPUs: the
        forward pass in training under torch.autocast, all else in float32. On an H100
        it did not pay: the steps of this library's encoders are small.
    device : str or torch.device, default="auto"
        "auto" takes CUDA where there is a GPU, else the CPU.
    accelerate : bool, default=False
        Train in all the processes that ``accelerate launch`` has started, one a GPU, or
        ``torchrun`` on CPUs; see Notes. In a process started alone it changes nothing.
    random_state : int, RandomState or None, default=None
        Source of initial weights, batches, dropout masks and references. Equal ints give
        bitwise equal fits on a CPU. None draws afresh each time: global generators are left
        alone.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, 2 prints a row an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Total flattened width of the input.
    feature_names_in_ : ndarray of str of shape (n_features,)
        Column names, where the input had them.
    modality_names_ : list of str
        The modalities, in order.
    modality_slices_ : dict of str to slice or ndarray of shape (width,)
        Each modality's columns in a flat table.
    predominant_ : str
        The predominant modality.
    modality_scores_ : dict of str to float or None
        Each modality's probe accuracy in [0, 1]; None where `predominant` was named.
    members_ : list of Member
        Each member's ``net`` and ``references``; the attributes below are the first one's.
    net_ : skorch.NeuralNet
        The trained net.
    module_ : FrontDoorNetwork
        Its torch module.
    references_ : ReferenceSet
        The reference set, on the CPU.
    seeing_ : classifier
        Where `seeing` is one: it, fitted.
    history_ : skorch.history.History
        Losses and duration, an entry an epoch.
    n_iter_ : int
        Number of epochs run.
    best_epoch_ : int
        With `early_stopping`: the epoch that was kept, from 1.

    Raises
    ------
    ValueError, TypeError
        From `fit`, for bad input or parameters; nothing half-fitted is left behind.

    Warns
    -----
    VacuousAdjustmentWarning
        From `fit`, if the input is one modality and `beta` is not 0.

    See Also
    --------
    MultiModalArray : The container to use with cross-validation and searches.
    PerModality : A scikit-learn transformer for each modality.

    Notes
    -----
    This is the library's own reading of the criterion of [1]_, of which only the abstract was at
    hand. The learned split into knowledge and context is heuristic. β = 1 is P(y | do t, a) if
    the label depends on the predominant modality through knowledge alone, if the knowledge has
    no common cause with the label that context and auxiliaries do not block, and if neither of
    these is an effect of the knowledge.

    Where that holds, β = 1 is optimal when the confounder's hold on the predominant modality is
    broken (randomised), and usually better when it shifts. On i.i.d. data β = 0 is never beaten
    in the large-sample limit. No β protects against a shift of the confounder itself, of its
    hold on the auxiliaries, or of the way labels are made. Cross-validation on i.i.d. data will
    rightly pick a small β: to choose it for a shift, cross-validate across environments
    (``LeaveOneGroupOut``), or set it to the share of cases in which the recording conditions are
    expected to change.

    With ``accelerate=True`` every process runs the same script and makes the same call of `fit`
    with all rows. Of each batch of `batch_size` rows a process takes an equal share, the losses
    that compare rows (InfoNCE and HSIC) gather the codes of the whole batch, and the gradients are
    averaged: all processes end with bitwise the same network, that of one process up to rounding
    (but for batch norm in a module of your own, which normalises a share). Seeds, the predominant
    modality, scalers and references are the first process's. Members of an ensemble are trained
    one by one, `memory` is not used, and `checkpoint_dir` is refused. On CPUs, ``accelerate
    launch`` starts several processes only through MPI; ``torchrun --nproc-per-node 2 script.py``
    needs none. This has been tried with processes on CPUs, not yet on several GPUs.

    A callback that stops or fails at an epoch's begin or end does so in all processes. A process
    that ends in the middle of an epoch ends the others too, by the launcher. One that lives on
    outside `fit` (having caught its error) leaves the others waiting, for the timeout of
    torch.distributed: 30 minutes, or ``accelerate.PartialState(timeout=timedelta(...))`` before
    the first `fit`.

    References
    ----------
    .. [1] Li, Song, Zheng, Li, Sun, Xiong, "Interventional Imbalanced Multi-Modal
       Representation Learning via β-Generalization Front-Door Criterion", arXiv 2406.11490.

    Examples
    --------
    >>> from skbetafd import FrontDoorMultiModalClassifier
    >>> from skbetafd.datasets import load_multiple_features
    >>> X, y = load_multiple_features(return_X_y=True)
    >>> clf = FrontDoorMultiModalClassifier(max_epochs=3, random_state=0).fit(X, y)
    >>> clf.predominant_
    'kar'
    >>> clf.predict_proba([X["kar"], X["mor"]]).shape
    (2000, 10)
    >>> clf.beta_path(X, betas=[0, 0.5, 1]).shape
    (3, 2000, 10)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkClassifier._parameter_constraints,
        **READ_AT_PREDICTION,
        **EARLY_STOPPING,
        "seeing": [StrOptions({"network"}), HasMethods("fit")],
        "calibrate": ["boolean"],
        "warm_start": ["boolean"],
        "lr_schedule": [StrOptions(set(SCHEDULES))],
        "max_grad_norm": [None, Interval(Real, 0, None, closed="neither")],
        "predominant": [str, Integral],
        "context_dim": [Interval(Integral, 1, None, closed="left")],
        "n_references": [Interval(Integral, 1, None, closed="left")],
        "n_mediator_samples": [Interval(Integral, 1, None, closed="left")],
        "knowledge_weight": [Interval(Real, 0, None, closed="left")],
        "disentangle_weight": [Interval(Real, 0, None, closed="left")],
        "label_weight": [Interval(Real, 0, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "checkpoint_dir": [None, str, Path],
        "memory": [None, str, Path, HasMethods("cache")],
        "accelerate": ["boolean"],
    }

    def __init__(
        self,
        *,
        beta: float = 1.0,
        effect: str = "conditional",
        predominant: str | int = "auto",
        modalities: Any = None,
        encoders: Any = "auto",
        encoder_learning_rate: Any = None,
        seeing: Any = "network",
        hidden_dim: int = 128,
        knowledge_dim: int = 32,
        context_dim: int = 32,
        n_references: int = 256,
        n_mediator_samples: int = 32,
        knowledge_weight: float = 1.0,
        disentangle_weight: float = 1.0,
        label_weight: float = 1.0,
        temperature: float = 0.3,
        dropout: float = 0.4,
        standardize: bool = True,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        lr_schedule: str = "one-cycle",
        max_grad_norm: float | None = None,
        class_weight: Any = None,
        calibrate: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        callbacks: Sequence[Any] | None = None,
        n_members: int = 1,
        predict_batch_size: int = 65_536,
        memory: Any = None,
        checkpoint_dir: str | Path | None = None,
        dtype: str = "float32",
        device: str | torch.device = "auto",
        accelerate: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.beta = beta
        self.effect = effect
        self.predominant = predominant
        self.modalities = modalities
        self.encoders = encoders
        self.encoder_learning_rate = encoder_learning_rate
        self.seeing = seeing
        self.hidden_dim = hidden_dim
        self.knowledge_dim = knowledge_dim
        self.context_dim = context_dim
        self.n_references = n_references
        self.n_mediator_samples = n_mediator_samples
        self.knowledge_weight = knowledge_weight
        self.disentangle_weight = disentangle_weight
        self.label_weight = label_weight
        self.temperature = temperature
        self.dropout = dropout
        self.standardize = standardize
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.max_grad_norm = max_grad_norm
        self.class_weight = class_weight
        self.calibrate = calibrate
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.n_members = n_members
        self.predict_batch_size = predict_batch_size
        self.memory = memory
        self.checkpoint_dir = checkpoint_dir
        self.dtype = dtype
        self.device = device
        self.accelerate = accelerate
        self.random_state = random_state
        self.verbose = verbose

    @property
    def module_(self) -> FrontDoorNetwork | MediatorNetwork:
        """The trained torch module."""
        return self.net_.module_

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        mediator: Any = None,
        groups: Any = None,
    ) -> FrontDoorMultiModalClassifier:
        """Fit the network, its reference set and, if there is one, the classifier that sees.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame, 2-D array or torch Dataset
            The modalities, each of shape (n_samples, ...), or a flat table of them (see
            `modalities`). Numeric and finite, but for rows of NaN: such a row lacks the modality,
            in training as at prediction, where None stands for a modality that all rows lack.
            Sparse modalities, memory maps, zarr arrays and the like are read batch by batch, and
            so are the items ``((x_1, …, x_m), y)``, ``({name: x}, y)`` or ``(x_1, …, x_m, y)`` of a
            Dataset, skorch's among them. Of a DataLoader its dataset is taken; its batch size,
            sampler, workers and collation are not used.
        y : array-like of shape (n_samples,), default=None
            Labels: strings, booleans or integers, two classes or more. Without, those of the
            Dataset's items.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a row of weight w counts as w rows, 0 leaves it out.
        mediator : array-like of shape (n_samples,) or (n_samples, k), default=None
            What the label depends on the predominant modality through, where that was observed
            (concepts, an annotator's reading): floats are continuous, anything else is
            categorical. P(m | t, a) is then learned in place of a knowledge code, and the
            adjustment has its guarantee; the weights of the other losses are not used. Not
            needed at prediction. In scikit-learn's meta-estimators it is requested by
            ``set_fit_request(mediator=True)``.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay on one side of the inner split, and of the folds by which
            the temperature is fitted. Requested by ``set_fit_request(groups=True)``.

        Returns
        -------
        FrontDoorMultiModalClassifier
            This estimator.

        Raises
        ------
        ValueError, TypeError
            Naming the modality, row and column, or the parameter, and its value; ValueError too
            if the training diverges, or a classifier of `seeing` has no predict_proba, or takes no
            gaps or weights where there are some. The estimator is then as it was.
        KeyboardInterrupt
            If it is interrupted before that; with `checkpoint_dir`, from which the next call goes
            on; or before the last of several members that are not trained together. The estimator
            is then as it was.

        Warns
        -----
        UserWarning
            If the training is interrupted (Ctrl-C) after its first epoch, and which epoch's
            network is kept: the best one with `early_stopping`, else the last complete one. A
            search or an ensemble of scikit-learn's then goes on, as with MLPClassifier. If the
            log-loss at β = 0 of (at least 30) rows held out or cross-fitted is above that of the
            class frequencies by more than two standard errors.
        OverlapWarning
            If, with `beta` above 0, more than nine in ten of (at most 100) training rows have
            weak overlap, see `overlap`.
        """
        self._validate_params()
        X, y = labelled(X, y)
        # before all_or_nothing, which would take the context from who closes it
        n_epochs = None if self.max_epochs == "auto" else int(self.max_epochs)
        tasks = self._fit_tasks(X, y, sample_weight, n_epochs)
        with all_or_nothing(self), training_memory(self.batch_size):
            request = self._request(X, y, sample_weight, mediator, groups)
            if tasks is not None:
                tasks.begin()
                request = replace(request, run=replace(request.run, watcher=tasks))
            result = self._learn(request)
            self._adopt(result)
            check_health(self, request, result.calibration)
            remove_checkpoints(request)
            if tasks is not None:
                tasks.end()
        return self

    def _fit_tasks(
        self, X: Any, y: Any, sample_weight: Any, n_subtasks: int | None
    ) -> FitTasks | None:
        """Open the context of scikit-learn's callbacks; None without any."""
        context = self._init_callback_context(max_subtasks=n_subtasks)
        if not hasattr(self, "_skl_callbacks"):
            return None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        return FitTasks(self, context, {"X": X, "y": y, "metadata": metadata})

    def _learn(self, request: FitRequest) -> FitResult:
        if self.memory is not None:
            reason = self._why_not_remembered(request)
            if reason is None:
                return fit_cached(request, self.memory)
            warn(f"memory is not used{reason}.")
        return fit_all([request])[0]

    def _why_not_remembered(self, request: FitRequest) -> str | None:
        """Say why `memory` can't keep this fit; None if it can."""
        modules = [
            name
            for name, encoding in zip(request.rows.names, request.spec.encodings, strict=True)
            if encoding.module is not None
        ]
        if modules:
            return f" with a module or callable of encoders, of modality {modules[0]!r}"
        if self.accelerate:
            return " with accelerate=True"
        called = self.callbacks or hasattr(self, "_skl_callbacks")
        if called or not isinstance(self.random_state, Integral):
            return (
                ": only a fit with an int random_state and without callbacks can be repeated, got "
                f"random_state={self.random_state!r} and callbacks={self.callbacks!r}"
            )
        return None

    def _request(
        self, X: Any, y: Any, sample_weight: Any, mediator: Any = None, groups: Any = None
    ) -> FitRequest:
        """Check all input of `fit`; sets the attributes that describe it."""
        start = Start.of(self) if self.warm_start and hasattr(self, "members_") else None
        request = super()._request(X, y, sample_weight, mediator, groups)
        if start is not None:
            request = request.starting_from(start)
        self._standardize = self.standardize
        observed = request.rows.mediator
        self._mediator = None if observed is None else observed.described()
        if self.checkpoint_dir is not None:
            seeded = isinstance(self.random_state, Integral)
            request = with_checkpoints(request, self.checkpoint_dir, seeded=seeded)
        if mediator is None:
            self._warn_of_one_modality(request.rows)
        return request

    def _request_of_rows(self, X: Any, y: Any, *aligned: Any, **more: Any) -> FitRequest:
        """Check all but the layout of X, and who sees."""
        request = super()._request_of_rows(X, y, *aligned, **more)
        if isinstance(self.seeing, str):
            return request
        goes_on = not more.get("first", True)
        streams = goes_on or more.get("classes") is not None
        columns = flat_names(self._layout.feature_names)
        if goes_on and hasattr(self, "seeing_"):
            seeing = SeeingClassifier(self.seeing_, columns, streams)
        else:
            seeing = SeeingClassifier.of(self.seeing, columns, streams=streams)
        return replace(request, spec=replace(request.spec, seeing=seeing))

    @classmethod
    def _fit_parameter_names(cls) -> set[str]:
        # a subclass that searches has parameters of its own
        return set(FrontDoorMultiModalClassifier._get_param_names()) - NOT_IN_FIT

    def _adopt(self, result: FitResult) -> None:
        """Take over what a request of this classifier has learned."""
        names = self.modality_names_
        scores = result.scores
        self.modality_scores_ = (
            None if scores is None else dict(zip(names, scores.round(4).tolist(), strict=True))
        )
        self.predominant_ = names[result.predominant]
        self._scalers = result.scalers
        self.members_ = result.members
        self.net_, self.references_ = result.members[0]
        self.history_ = self.net_.history
        self.n_iter_ = len(self.history_)
        self._mass = result.mass
        self.__dict__.pop("_stream", None)
        for name in ("best_epoch_", "seeing_"):
            self.__dict__.pop(name, None)
        if result.seeing is not None:
            self.seeing_ = result.seeing.classifier
        if self.early_stopping and "valid_loss" in self.history_[0]:
            self.best_epoch_ = 1 + int(np.argmin(self.history_[:, "valid_loss"]))

    def _warn_of_one_modality(self, rows: TrainingRows) -> None:
        if len(rows.names) == 1 and self.beta > 0:
            name = rows.names[0]
            flat = self._layout.flat
            stray = ungrouped(getattr(self, "feature_names_in_", ())) if flat else []
            said = f", of which {stray[0]!r} has no 'modality__' before it" if stray else ""
            warn(
                f"X is one modality ({name!r}, {rows.arrays[0].shape[1]} columns{said}): "
                "there is nothing to tell knowledge from context, and beta is without effect. "
                "Pass a list, a dict or a MultiModalArray, or name the columns of each modality by "
                "modalities= or, in a DataFrame, as modality__column; in a Pipeline, PerModality "
                "keeps the modalities apart; BaggingClassifier and others that hand X on flat: "
                "set modalities=.",
                VacuousAdjustmentWarning,
            )

    def _code_encoders(self) -> dict[str, list[CodeEncoder]]:
        """Return every member's encoders: of the knowledge and the auxiliaries, and what sees."""
        networks = [member.net.module_ for member in self.members_]
        modules = {
            m: [n.auxiliary[i] for n in networks] for i, m in enumerate(networks[0].auxiliaries)
        }
        modules[networks[0].predominant] = [network.knowledge for network in networks]
        for at, m in enumerate(networks[0].order):
            modules[m] += [n.seeing.encoders[at] for n in networks if n.seeing is not None]
        return {
            name: [CodeEncoder(module, self._scalers[m]) for module in modules[m]]
            for m, name in enumerate(self.modality_names_)
        }

    def codes(self, X: Any) -> dict[str, np.ndarray]:
        """Give what the network takes for knowledge, context and auxiliaries in each row.

        Knowledge and context are the two codes of the predominant modality; see
        `KnowledgeContextDisplay` of :mod:`skbetafd.plots` for a map of them. Of several members,
        the first one's are given.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes. The codes of a modality that a row lacks
            are those of `modality_codes`: of the training mean, or of 0.

        Returns
        -------
        dict of str to ndarray
            ``"knowledge"``, of shape (n_samples, knowledge_dim), which is kept under an
            intervention; ``"context"``, (n_samples, context_dim), which is replaced by those of
            the training population; and ``"auxiliary"``, (n_samples, n_auxiliaries ·
            knowledge_dim), the auxiliary modalities' codes side by side in the order of
            ``modality_names_``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is no fit.
        ValueError
            If the fit had one modality, or an observed mediator: nothing has then told knowledge
            from context. Also for bad rows, as in `predict`.

        See Also
        --------
        modality_codes : A code for each modality, by its name, whatever the fit.

        Examples
        --------
        >>> from skbetafd import FrontDoorMultiModalClassifier
        >>> from skbetafd.datasets import load_multiple_features
        >>> X, y = load_multiple_features(return_X_y=True)
        >>> clf = FrontDoorMultiModalClassifier(max_epochs=1, context_dim=16).fit(X, y)
        >>> {name: code.shape for name, code in clf.codes(X).items()}
        {'knowledge': (2000, 32), 'context': (2000, 16), 'auxiliary': (2000, 32)}
        """
        check_is_fitted(self)
        if isinstance(self.module_, MediatorNetwork):
            raise ValueError(
                "the fit had an observed mediator, which stands in the place of learned knowledge"
            )
        if len(self.modality_names_) < 2:
            only = self.modality_names_[0]
            raise ValueError(f"{only!r} is the only modality: nothing tells knowledge from context")
        parts = self._in_batches(
            X, lambda rows: [code.cpu() for code in self.module_.encode(self._tensors(rows)[0])]
        )
        columns = zip(*parts, strict=True)
        named = zip(Codes._fields, columns, strict=True)
        return {name: finite(torch.cat(code).numpy()) for name, code in named}

    def _support(self, rows: NumericRows) -> tuple[np.ndarray, np.ndarray]:
        """Give each complete row's reference weights and their support, both (n_samples, K)."""
        with predicting():
            xs, _ = self._tensors(rows)
            codes = self.module_.encode(xs)
            references = self.references_.to(codes.knowledge.device)
            parts = support(self.module_, codes, references, self.effect)
        weights, supported = (part.double().cpu().numpy() for part in parts)
        return weights, supported

    def _log_path(self, X: Any, betas: list[float]) -> np.ndarray:
        parts = self._in_batches(
            X,
            lambda rows: self._mean_path(rows, betas).cpu().numpy(),
            mediated=isinstance(self.module_, MediatorNetwork),
        )
        log_proba = np.concatenate(parts, axis=1)
        refuse_overflow(log_proba)
        return log_proba

    def _tensors(self, rows: NumericRows) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        xs = self._standardised(rows.arrays, self._scalers, self.module_)
        predominant = self.modality_names_.index(self.predominant_)
        return xs, presence_tensor(rows.present, predominant, xs[0].device, xs[0].dtype)

    def _mean_path(self, rows: NumericRows, betas: list[float]) -> torch.Tensor:
        """Log of the members' mean P_β, shape (n_betas, n, n_classes)."""
        xs, present = self._tensors(rows)
        seen = self._seen(rows, betas, xs[0].device)
        paths = [self._path(member, xs, present, betas, seen) for member in self.members_]
        if len(paths) == 1:
            return paths[0]
        return torch.logsumexp(torch.stack(paths), dim=0) - math.log(len(paths))

    def _seen(
        self, rows: NumericRows, betas: list[float], device: torch.device
    ) -> torch.Tensor | None:
        """Log P_0 by the classifier, (n, n_classes); None where the network sees.

        Rows whose P_β is P_1 alone are not asked about.
        """
        if not hasattr(self, "seeing_"):
            return None
        predominant = self.modality_names_.index(self.predominant_)
        asked = ~rows.present[:, predominant]
        if min(betas) < 1 or not self.module_.adjusts:
            asked[:] = True
        log_proba = np.zeros((len(rows), len(self.classes_)))
        if asked.any():
            seeing = SeeingClassifier(self.seeing_, flat_names(self._layout.feature_names))
            log_proba[asked] = seeing.log_proba(rows.take(asked), self.classes_)
        return torch.from_numpy(log_proba).to(device)

    def _path(
        self,
        member: Member,
        xs: list[torch.Tensor],
        present: torch.Tensor | None,
        betas: list[float],
        seen: torch.Tensor | None,
    ) -> torch.Tensor:
        network, references = member.net.module_, member.references.to(xs[0].device)
        if isinstance(network, MediatorNetwork):
            return mediated_log_proba_path(network, xs, references, betas, self.effect, seen)
        return log_proba_path(network, xs, references, betas, self.effect, present, seen)
