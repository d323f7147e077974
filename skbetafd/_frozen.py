"""Features of a frozen torch module, made once for each row."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from ._standardised import standardised
from .inputs.missing import present_rows
from .nn.encoders import Encoding, ModuleFeatures, n_features

ROWS_OF_A_MODULE = 256
"""Rows that a module reads at once: those of pictures are large."""


def is_frozen(module: Any) -> bool:
    """Tell a torch module none of whose parameters requires a gradient."""
    return isinstance(module, torch.nn.Module) and not any(
        parameter.requires_grad for parameter in module.parameters()
    )


@dataclass(frozen=True)
class FrozenFeatures:
    """A module in its state of evaluation, and the standardisation of its features."""

    module: ModuleFeatures
    n_features: int
    scaler: StandardScaler | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the module as it is on the CPU, that a machine without a GPU can read it."""
        return {**vars(self), "module": deepcopy(self.module).cpu()}

    @classmethod
    def of(cls, encoding: Encoding, device: torch.device) -> FrozenFeatures:
        """Copy a user's module to a device."""
        if not isinstance(encoding.module, torch.nn.Module):
            raise TypeError(f"a frozen module is needed, got {encoding.module!r}")
        own = deepcopy(encoding.module).to(device).eval()
        module = ModuleFeatures(own, encoding.shape)
        return cls(module, n_features(module, encoding))

    def standardised(self, rows: np.ndarray, weight: np.ndarray) -> FrozenFeatures:
        """Fit the means and variances of the features of weighted rows."""
        scaler = StandardScaler().set_output(transform="default")
        for start in range(0, len(rows), ROWS_OF_A_MODULE):
            part = slice(start, start + ROWS_OF_A_MODULE)
            scaler.partial_fit(self.transform(np.asarray(rows[part])), sample_weight=weight[part])
        return replace(self, scaler=scaler)

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return the features of flattened rows, (n_samples, n_features); NaN for a missing one."""
        like = next(self.module.parameters(), torch.empty(0, dtype=torch.float32, device="cpu"))
        has = present_rows(rows)
        out = np.full((len(rows), self.n_features), np.nan)
        some = np.flatnonzero(has)
        for start in range(0, len(some), ROWS_OF_A_MODULE):
            part = some[start : start + ROWS_OF_A_MODULE]
            x = torch.tensor(rows[part], dtype=like.dtype, device=like.device)
            with torch.no_grad():
                features = self.module(x).double().cpu().numpy()
            if not np.isfinite(features).all():
                row = int(part[~np.isfinite(features).all(axis=1)][0])
                raise ValueError(
                    f"encoders: the features of the frozen {type(self.module.module).__name__} are "
                    f"not finite at row {row} of those it read: "
                    f"{features[part == row][0].tolist()[:5]}"
                )
            out[part] = features
        return out if self.scaler is None else standardised(self.scaler, out)
