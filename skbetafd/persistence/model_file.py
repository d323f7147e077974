"""The file of a saved classifier: safetensors, with a JSON document and a hash in its header."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from torch import Tensor

from .._utils.messages import needing
from .json_values import NotSavableError

FORMAT = 2
"""Number of the format; a reader refuses any other."""

SEAL = b'"sha256":"'
BLANK = b"0" * 64
FOREIGN = "it was not written by save: pickles, archives and other formats are not read"


def pack(document: dict[str, Any], tensors: dict[str, Tensor]) -> bytes:
    """Make the content of a file; its SHA-256 covers every byte but its own.

    Raises
    ------
    NotSavableError
        If a text holds half a surrogate pair, which UTF-8 has no bytes for.
    """
    text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        around = text[max(error.start - 20, 0) : error.end + 20]
        raise NotSavableError(f"text that is no Unicode can't be saved: {around!r}") from error
    metadata = {"skbetafd": str(FORMAT), "document": text, "sha256": BLANK.decode()}
    # the format takes no tensors that share memory, nor such as are not in one piece
    own = {k: v.clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    blank: bytes = safetensors().save(own, metadata)
    return blank.replace(SEAL + BLANK, SEAL + hashlib.sha256(blank).hexdigest().encode(), 1)


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `pack` made.

    Raises
    ------
    ValueError
        If it is of another origin or format, truncated or edited.
    """
    length = int.from_bytes(data[:8], "little")
    if data[8:9] != b"{":
        raise ValueError(FOREIGN)
    if length > len(data) - 8:
        raise ValueError(f"it is truncated: {len(data)} bytes, a header of {length}")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    if "skbetafd" not in metadata:
        raise ValueError(FOREIGN)
    if metadata["skbetafd"] != str(FORMAT):
        found = metadata["skbetafd"]
        raise ValueError(f"its format is {found!r:.40}; this version of skbetafd reads {FORMAT}")
    digest = str(metadata.get("sha256"))
    blank = data.replace(SEAL + digest.encode(), SEAL + BLANK, 1)
    if hashlib.sha256(blank).hexdigest() != digest:
        raise ValueError("it is truncated or was edited: its SHA-256 is another")
    return json.loads(metadata["document"]), safetensors().load(data)


def safetensors() -> Any:
    """Import the library of the format.

    Raises
    ------
    ImportError
        With what to install.
    """
    with needing("export", "save and load need safetensors"):
        import safetensors.torch
    return safetensors.torch
