import pytest

from skbetafd.baselines import _training


@pytest.fixture
def inner_splits(monkeypatch):
    """Collect the groups of the two sides of each inner split, None without groups."""
    seen, split = [], _training.Trainer._split

    def watched(trainer):
        sides = split(trainer)
        groups = trainer.groups
        seen.append(None if groups is None else [set(groups[rows]) for rows in sides])
        return sides

    monkeypatch.setattr(_training.Trainer, "_split", watched)
    return seen
