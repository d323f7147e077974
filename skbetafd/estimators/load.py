"""load: a classifier out of the file that its `save` has written, without running code of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

import torch

from .._utils.exceptions import ModelFileError
from .._utils.files import checked_path
from ..persistence.loading import restored_from
from ..persistence.model_file import safetensors
from ..training.device import resolve_device
from .front_door import FrontDoorMultiModalClassifier
from .front_door_cv import FrontDoorMultiModalClassifierCV

ESTIMATORS = {
    cls.__name__: cls for cls in (FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV)
}
"""Classes that a file may name."""


def load(
    path: str | os.PathLike[str],
    *,
    device: str | torch.device = "auto",
    encoders: Mapping[str, Any] | None = None,
) -> FrontDoorMultiModalClassifier:
    """Read a classifier that its ``save`` method has written.

    No code in the file is run, none is imported by a name in it, and nothing is written: a file
    from elsewhere can mislead by its numbers only.

    Parameters
    ----------
    path : str or path-like
        The file.
    device : str or torch.device, default="auto"
        Where the networks go: "auto" is a GPU where there is one, else the CPU, whatever the
        machine was that saved.
    encoders : mapping of str or int to torch.nn.Module or callable, default=None
        The user's modules, by name or position of the modality, where the classifier was fitted
        with such; their weights come from the file. For a frozen module, a module.

    Returns
    -------
    FrontDoorMultiModalClassifier or FrontDoorMultiModalClassifierCV
        Fitted.

    Raises
    ------
    ModelFileError
        If the file is none of this library's, of a newer format, truncated, edited or
        inconsistent. It is a ValueError, and names the path and what is wrong.
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    ValueError
        If the device can't be used.
    TypeError
        If `path` is no path, or `encoders` no mapping.
    ImportError
        Without safetensors: ``pip install "skbetafd[export]"``.

    Examples
    --------
    >>> import tempfile, pathlib, skbetafd
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> data = make_confounded_modalities(200, random_state=0)
    >>> clf = skbetafd.FrontDoorMultiModalClassifier(max_epochs=2, random_state=0)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> clf.fit(data.X, data.y).save(path)
    >>> bool((skbetafd.load(path).predict(data.X) == clf.predict(data.X)).all())
    True
    """
    where = resolve_device(device)
    if encoders is not None and not isinstance(encoders, Mapping):
        raise TypeError(f"encoders must be a mapping of modality to module, got {encoders!r}")
    mode = os.stat(checked_path(path)).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{os.fspath(path)!r} is a directory, not a saved classifier")
    if not stat.S_ISREG(mode):
        raise ModelFileError(f"can't load {os.fspath(path)!r}: it is no regular file")
    safetensors()
    with open(path, "rb") as file:
        data = file.read()
    try:
        return restored_from(data, ESTIMATORS, where, encoders or {})
    except Exception as error:  # of any kind: what is wrong in a forged file has no end
        said = str(error).partition("\nException raised from")[0]  # a stack of torch's C++
        if not isinstance(error, ValueError):
            said = f"{type(error).__name__}: {said}"
        raise ModelFileError(f"can't load {os.fspath(path)!r}: {said}") from error
