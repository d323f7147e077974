"""Whether a classifier's parameters tell of what it has learned."""

from __future__ import annotations

from typing import Any

from .inputs.modality_names import by_name


def parameters_of_fit(estimator: Any) -> dict[str, Any]:
    """Give the parameters with which the networks were trained: of a search, the best it found."""
    return {**estimator.get_params(deep=False), **getattr(estimator, "best_params_", {})}


def check_agreement(estimator: Any) -> None:
    """Refuse parameters that contradict the networks: set after the fit, or in a forged file.

    Raises
    ------
    ValueError
        Naming the parameter.
    """
    parameters = parameters_of_fit(estimator)
    n_networks = len(estimator.members_)
    if parameters["n_members"] != n_networks:
        raise ValueError(f"it has {n_networks} networks, and n_members={parameters['n_members']!r}")
    for name in ("hidden_dim", "knowledge_dim", "context_dim"):
        learned = getattr(estimator.module_, name)
        if parameters[name] != learned:
            raise ValueError(f"its networks have {name}={learned}, it says {parameters[name]!r}")
    names = estimator.modality_names_
    given = by_name(parameters["encoders"], names, "encoders")
    for name, encoding in zip(names, estimator._encodings, strict=True):
        encoder = given.get(name, "auto")
        kind = encoder if isinstance(encoder, str) else "module"
        if kind != encoding.kind and (kind != "auto" or encoding.kind == "module"):
            raise ValueError(
                f"modality {name!r} is read by {encoding.kind!r}, and encoders says {kind!r}"
            )
