"""Call an entry with some of its good arguments spoiled."""

import copy

import skbetafd
from skbetafd import baselines, causal, datasets, plots

from .good import GOOD, given

MODULES = {"baselines": baselines, "causal": causal, "datasets": datasets, "plots": plots}


def resolved(entry):
    """Give the public object that an entry names."""
    first, *rest = entry.split(".")
    found = MODULES[first] if first in MODULES else getattr(skbetafd, first)
    for name in rest:
        found = getattr(found, name)
    return found


class Call:
    """A public entry with its receiver and arguments, ready to be called."""

    def __init__(self, entry, bad):
        receiver, good = GOOD[entry]
        if receiver is not None:
            self.receiver = given(bad.get("self", receiver))
            attributes = {k.removeprefix("self."): v for k, v in bad.items() if "self." in str(k)}
            if attributes:
                self.receiver = copy.copy(self.receiver)
                for name, value in attributes.items():
                    assert hasattr(self.receiver, name)
                    setattr(self.receiver, name, value)
        else:
            self.receiver = None
        own = {k: v for k, v in bad.items() if k != "self" and "self." not in str(k)}
        self.arguments = {name: given(value) for name, value in {**good, **own}.items()}
        self.entry = entry

    def __call__(self):
        name = self.entry.rpartition(".")[2]
        call = resolved(self.entry) if self.receiver is None else getattr(self.receiver, name)
        positional = [v for k, v in self.arguments.items() if isinstance(k, int)]
        named = {k: v for k, v in self.arguments.items() if isinstance(k, str)}
        result = call(*positional, **named)
        return result.plot() if self.receiver is None and name.endswith("Display") else result
