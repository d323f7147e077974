import pytest
import torch

from skbetafd.training.schedule import (
    SCHEDULES,
    clip_gradients,
    clip_stacked_gradients,
    schedule_policy,
)


def with_gradients(*shape):
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.nn.Parameter(torch.zeros(3, *own)) for own in (shape, (4, 2))]
    for scale, parameter in zip((1.0, 5.0), parameters, strict=True):
        factors = torch.tensor([0.01, 1.0, 100.0]).view(-1, *[1] * (parameter.dim() - 1))
        parameter.grad = scale * factors * torch.randn(parameter.shape, generator=generator)
    return parameters


def test_a_stack_is_clipped_network_by_network():
    stacked = with_gradients(5)
    alone = []
    for model in range(3):
        own = [torch.nn.Parameter(p[model].detach()) for p in stacked]
        for one, all_of in zip(own, stacked, strict=True):
            one.grad = all_of.grad[model].clone()
        clip_gradients(own, 2.0)
        alone.append(own)
    clip_stacked_gradients(stacked, 2.0)
    for model, own in enumerate(alone):
        for one, all_of in zip(own, stacked, strict=True):
            torch.testing.assert_close(all_of.grad[model], one.grad)
    assert stacked[0].grad[0].norm() > 0  # far below the norm: left as it is


def test_a_parameter_without_gradient_is_passed_over():
    parameters = [*with_gradients(5), torch.nn.Parameter(torch.zeros(3, 2))]
    clip_stacked_gradients(parameters, 1.0)
    assert parameters[-1].grad is None


def test_without_a_norm_gradients_stay():
    parameters = with_gradients(5)
    before = [p.grad.clone() for p in parameters]
    clip_gradients(parameters, None)
    clip_stacked_gradients(parameters, None)
    assert all(torch.equal(p.grad, b) for p, b in zip(parameters, before, strict=True))


def test_an_unknown_schedule_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=f"one of {', '.join(SCHEDULES)}, got 'plateau'"):
        schedule_policy("plateau", 1e-3, 10)
