"""Weights follow what stays hard, and draws follow the weights."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from unmask.lab.difficulty import Difficulty, DifficultySampler

ALL = torch.arange(4)


def test_at_first_all_weigh_alike() -> None:
    assert Difficulty(4).weights().tolist() == [1, 1, 1, 1]


def test_the_first_loss_counts_whole_and_later_ones_by_momentum() -> None:
    difficulty = Difficulty(2, momentum=0.75)
    difficulty.follow(torch.tensor([0]), torch.tensor([2.0]))
    assert difficulty.running[0] == 2
    assert difficulty.running[1].isnan()
    difficulty.follow(torch.tensor([0]), torch.tensor([4.0]))
    assert difficulty.running[0] == pytest.approx(0.75 * 2 + 0.25 * 4)


def test_weights_are_relative_have_mean_one_and_follow() -> None:
    difficulty = Difficulty(4, momentum=0.5)
    difficulty.follow(ALL, torch.tensor([0.1, 0.1, 0.1, 0.3]))
    first = difficulty.weights()
    assert first.mean() == pytest.approx(1)
    assert first[3] == pytest.approx(2.0)
    assert first[3] / first[0] == pytest.approx(3)
    for _ in range(12):
        difficulty.follow(ALL, torch.tensor([0.3, 0.1, 0.1, 0.1]))
    later = difficulty.weights()
    assert later[0] / later[3] == pytest.approx(3, rel=0.01)
    assert difficulty.weights(torch.tensor([[0, 3]])).tolist() == [[later[0], later[3]]]


def test_what_was_never_seen_weighs_as_the_mean() -> None:
    difficulty = Difficulty(3)
    difficulty.follow(torch.tensor([0, 1]), torch.tensor([1.0, 3.0]))
    assert difficulty.weights().tolist() == pytest.approx([0.5, 1.5, 1.0])


def test_strength_and_bound_hold_the_weights_together() -> None:
    losses = torch.tensor([1e-9, 1.0, 1.0, 50.0])
    for strength, bound, most in ((0.0, 4.0, 1), (1.0, 2.0, 4), (0.5, 1e6, 1e6)):
        difficulty = Difficulty(4, strength=strength, bound=bound)
        difficulty.follow(ALL, losses)
        weights = difficulty.weights()
        assert weights.max() / weights.min() <= most * 1.001
    assert weights[3] / weights[1] == pytest.approx(50**0.5, rel=1e-4)


def test_one_that_comes_twice_brings_its_mean_and_broken_losses_are_passed_over() -> None:
    difficulty = Difficulty(3)
    index = torch.tensor([0, 0, 1, 2])
    difficulty.follow(index, torch.tensor([1.0, 3.0, float("nan"), float("inf")]))
    assert difficulty.running[0] == 2
    assert difficulty.running[1:].isnan().all()


def test_losses_of_zero_leave_all_alike() -> None:
    difficulty = Difficulty(4)
    difficulty.follow(ALL, torch.zeros(4))
    assert difficulty.weights().tolist() == [1, 1, 1, 1]


def test_a_resumed_run_goes_on_where_it_stood() -> None:
    difficulty, other = Difficulty(4), Difficulty(4)
    difficulty.follow(ALL[:3], torch.tensor([1.0, 2.0, 3.0]))
    other.load_state_dict(difficulty.state_dict())
    assert torch.equal(other.weights(), difficulty.weights())
    other.follow(ALL, torch.ones(4))
    assert difficulty.running[3].isnan()


def test_the_sampler_draws_hard_ones_more_often_and_repeats_itself() -> None:
    difficulty = Difficulty(1000)
    index = torch.arange(1000)
    difficulty.follow(index, torch.where(index < 100, 3.0, 1.0))
    generator = torch.Generator()
    sampler = DifficultySampler(difficulty, generator)
    drawn = []
    for _ in range(2):
        generator.manual_seed(4)
        drawn.append(list(sampler))
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == len(sampler) == 1000
    hard = sum(number < 100 for number in drawn[0])
    assert hard == pytest.approx(250, abs=45)  # 100 times 3 of 100 times 3 and 900


def test_a_hard_group_is_learnt_better_with_weights() -> None:
    """Nine easy groups agree on a slope of 1, the hard one wants 3; one slope has to serve all."""
    slopes = torch.tensor([1.0] * 9 + [3.0])
    found = []
    for strength in (0.0, 1.0):
        difficulty = Difficulty(10, strength=strength)
        slope = torch.zeros((), requires_grad=True)
        optimiser = torch.optim.SGD([slope], lr=0.1)
        for _ in range(200):
            losses = (slope - slopes).square()
            difficulty.follow(torch.arange(10), losses)
            optimiser.zero_grad()
            (losses * difficulty.weights()).mean().backward()
            optimiser.step()
        found.append(slope.item())
    assert found[0] == pytest.approx(1.2, abs=0.01)
    assert found[1] > 1.35
