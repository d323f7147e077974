import pytest
import torch

from skbetafd.training.batches import BatchIterator, TrainingTensors


def make(n=10, batch_size=4, dropout=0.0, seed=0):
    rows = TrainingTensors([torch.arange(n)[:, None].float()], torch.arange(n), torch.ones(n))
    return BatchIterator(
        rows,
        -(-n // batch_size),
        mask_dims=[3, 2],
        dropout=dropout,
        generator=torch.Generator().manual_seed(seed),
        mask_generator=torch.Generator().manual_seed(seed),
    )


def test_an_epoch_visits_every_row_once_in_equal_batches():
    batches = list(make())
    assert [len(b.y) for b in batches] == [4, 3, 3]
    assert torch.cat([b.y for b in batches]).sort().values.tolist() == list(range(10))


def test_the_rows_of_a_batch_stay_aligned():
    for batch in make():
        assert torch.equal(batch.xs[0][:, 0].long(), batch.y)


def test_epochs_differ_in_order_and_equal_generators_repeat_them():
    iterator = make()
    first = [b.y.tolist() for b in iterator]
    assert [b.y.tolist() for b in iterator] != first
    assert [b.y.tolist() for b in make()] == first


def test_one_batch_is_shuffled_too_as_a_row_s_place_decides_what_it_shows():
    iterator = make(batch_size=10)
    first, second = (next(iter(iterator)).y.tolist() for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_masks_keep_the_expected_share_at_unit_mean():
    masks = next(iter(make(n=4000, batch_size=4000, dropout=0.4))).masks
    assert [m.shape for m in masks] == [(4000, 3), (4000, 2)]
    values = torch.cat(list(masks), dim=1)
    assert values.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert values.mean().item() == pytest.approx(1, abs=0.03)


def test_without_dropout_there_is_no_mask():
    assert next(iter(make())).masks is None
