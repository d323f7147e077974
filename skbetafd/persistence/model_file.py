"""The file of a saved classifier: safetensors, with a JSON document and a hash in its header."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .json_values import NotSavableError, strict_json

FORMAT = 1
"""Number of the format; one that a reader does not know is refused."""

LARGEST_HEADER = 100_000_000
"""Bytes; the limit of safetensors itself."""

SEAL = b'"sha256":"'
BLANK = b"0" * 64
FOREIGN = {
    b"\x80": "it looks like a pickle, which load does not run",
    b"PK": "it looks like a zip archive (or a model of torch.save)",
    b"<": "it looks like HTML or XML",
    b"\x89HDF": "it looks like HDF5",
    b"\x1f\x8b": "it looks like gzip",
}


def pack(document: dict[str, Any], tensors: dict[str, Tensor]) -> bytes:
    """Make the content of a file; its SHA-256 covers every byte but its own.

    Raises
    ------
    NotSavableError
        If a text holds half a surrogate pair, which UTF-8 has no bytes for.
    """
    save = _safetensors().save
    text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        around = text[max(error.start - 20, 0) : error.end + 20]
        raise NotSavableError(f"text that is no Unicode can't be saved: {around!r}") from error
    metadata = {"skbetafd": str(FORMAT), "document": text, "sha256": BLANK.decode()}
    blank: bytes = save(tensors, metadata)
    return blank.replace(SEAL + BLANK, SEAL + hashlib.sha256(blank).hexdigest().encode(), 1)


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `pack` made.

    Raises
    ------
    ValueError
        Saying what is wrong.
    """
    load = _safetensors().load
    header = strict_json(_header(data))
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or "skbetafd" not in metadata:
        raise ValueError("it is no saved classifier of skbetafd")
    _check_format(metadata["skbetafd"])
    _check_hash(data, metadata.get("sha256"))
    document = strict_json(_text(metadata, "document"))
    if not isinstance(document, dict):
        raise ValueError("its description is no JSON object")
    try:
        return document, load(data)
    except Exception as error:  # the reader's own errors are of many kinds
        raise ValueError(f"its tensors can't be read: {error}") from error


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError as error:
        raise ImportError(
            'save and load need safetensors: pip install "skbetafd[export]"'
        ) from error
    return safetensors.torch


def _header(data: bytes) -> bytes:
    if not data:
        raise ValueError("it is empty")
    for start, said in FOREIGN.items():
        # a header that is by chance as long as these bytes say has a brace after its length
        if data.startswith(start) and data[8:9] != b"{":
            raise ValueError(f"it is no saved classifier: {said}")
    length = int.from_bytes(data[:8], "little")
    if len(data) < 9 or data[8:9] != b"{":
        raise ValueError("it is no saved classifier of skbetafd, or truncated")
    if length > LARGEST_HEADER:
        raise ValueError(f"its header is said to have {length} bytes, more than {LARGEST_HEADER}")
    if length > len(data) - 8:
        raise ValueError(f"it is truncated: {len(data)} bytes, a header of {length}")
    return data[8 : 8 + length]


def _check_format(found: Any) -> None:
    if not isinstance(found, str) or not re.fullmatch(r"\d{1,9}", found):
        raise ValueError(f"its format is {found!r:.40}")
    if int(found) > FORMAT:
        raise ValueError(
            f"its format is {found}, newer than {FORMAT}, which this version of skbetafd reads"
        )
    if int(found) < 1:
        raise ValueError(f"its format is {found}")


def _check_hash(data: bytes, digest: Any) -> None:
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ValueError("it has no SHA-256")
    blank = data.replace(SEAL + digest.encode(), SEAL + BLANK, 1)
    if hashlib.sha256(blank).hexdigest() != digest:
        raise ValueError("it is truncated or was edited: its SHA-256 is another")


def _text(metadata: dict[str, Any], name: str) -> str:
    if not isinstance(metadata.get(name), str):
        raise ValueError(f"its {name} is missing")
    text: str = metadata[name]
    return text


LARGEST_NUMBER = 2**40
"""Of a size or position."""


def check_fields(what: str, found: Any, fields: Mapping[str, Any]) -> None:
    """Refuse a mapping that has other entries than `fields`, or one of another type.

    Raises
    ------
    ValueError
        Naming the entry.
    """
    if not isinstance(found, dict):
        raise ValueError(f"{what} is a {type(found).__name__}")
    for name in [*found, *fields]:
        if name not in fields:
            raise ValueError(f"{what} has an unknown entry {name!r:.80}")
        if name not in found:
            raise ValueError(f"{what} lacks {name!r}")
        value, kind = found[name], fields[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{what}: {name!r} is a {type(value).__name__}, {value!r:.80}")


def check_numbers(what: str, values: Any, *, least: int) -> None:
    """Refuse what is no list of whole numbers from `least` on.

    Raises
    ------
    ValueError
        With the value that is none.
    """
    if not isinstance(values, list) or not values:
        raise ValueError(f"{what} is empty or no list")
    for value in values:
        if type(value) is not int or not least <= value <= LARGEST_NUMBER:
            raise ValueError(f"{what} holds {value!r:.80}")
