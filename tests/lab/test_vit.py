"""The transformer sees what it is shown and nothing else; its target follows slowly."""

from __future__ import annotations

import torch
from torch import Tensor

from unmask.lab.networks.vit import Decoder, Distillation, Encoder, patches, pick, positions, split


def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(size=32, patch=8, width=32, depth=2, heads=2).eval()


def image(count: int = 2) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_default_has_about_five_million_weights() -> None:
    assert 4.5e6 < sum(p.numel() for p in Encoder().parameters()) < 5.5e6


@torch.no_grad()
def test_hidden_patches_do_not_reach_the_features() -> None:
    network, plain = encoder(), image()
    keep = torch.tensor([[0, 5, 9], [3, 4, 15]])
    changed = plain.clone()
    changed[0, :, 0:8, 8:16] = 1.0  # patch 1, hidden in the first picture
    assert torch.equal(network(plain, keep), network(changed, keep))
    assert not torch.equal(network(plain)[0], network(changed)[0])


@torch.no_grad()
def test_the_order_of_the_shown_patches_does_not_matter() -> None:
    network = encoder()
    every = torch.arange(16).expand(2, 16)
    torch.testing.assert_close(network(image(), every), network(image()))
    order = torch.randperm(16, generator=torch.Generator().manual_seed(2)).expand(2, 16)
    shuffled = network(image(), order)
    torch.testing.assert_close(shuffled, pick(network(image()), order), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_decoder_puts_visible_patches_where_they_were() -> None:
    torch.manual_seed(0)
    decoder = Decoder(grid=4, patch=8, inputs=32, width=32).eval()
    features = torch.randn(1, 2, 32)
    here = decoder(features, torch.tensor([[3, 8]]))
    assert here.shape == (1, 16, 192)
    swapped = decoder(features.flip(1), torch.tensor([[8, 3]]))
    torch.testing.assert_close(here, swapped, atol=1e-5, rtol=1e-4)
    elsewhere = decoder(features, torch.tensor([[8, 3]]))
    assert (here - elsewhere).abs().max() > 1e-3


def test_places_are_all_different_and_alike_in_length() -> None:
    places = positions(8, 64)
    torch.testing.assert_close(places.square().sum(1), torch.full((64,), 32.0))
    distance = torch.cdist(places, places) + 100 * torch.eye(64)
    assert distance.min() > 0.5
    assert torch.equal(places[0, 32:], places[8, 32:])  # one column, two rows
    assert torch.equal(places[0, :32], places[1, :32])  # one row, two columns


def test_patches_by_hand() -> None:
    picture = torch.arange(16.0).view(1, 1, 4, 4).expand(1, 3, 4, 4)
    found = patches(picture, 2)
    assert found.shape == (1, 4, 3, 2, 2)
    assert found[0, :, 1].tolist() == [
        [[0, 1], [4, 5]],
        [[2, 3], [6, 7]],
        [[8, 9], [12, 13]],
        [[10, 11], [14, 15]],
    ]


def test_split_by_hand() -> None:
    covered = torch.tensor([[True, False, True, False], [False, False, True, True]])
    visible, hidden = split(covered)
    assert visible.tolist() == [[1, 3], [0, 1]]
    assert hidden.tolist() == [[0, 2], [2, 3]]


def test_the_target_follows_by_its_momentum_and_only_in_training() -> None:
    network = encoder()
    head = Distillation(network, momentum=0.75, width=8).train()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(1.0)
    before = next(head.target.parameters()).clone()
    pictures = image(4)
    head.eval()(network, network(pictures), pictures)
    assert torch.equal(next(head.target.parameters()), before)
    head.train()(network, network(pictures), pictures)
    torch.testing.assert_close(next(head.target.parameters()), before + 0.25)


def test_the_gradient_teaches_the_glimpse_and_spares_the_target() -> None:
    network = encoder().train()
    head = Distillation(network, width=8).train()
    pictures = image(4)
    apart, _ = head(network, network(pictures, torch.tensor([[0, 1]]).expand(4, 2)), pictures)
    apart.backward()
    assert all(p.grad is None for p in head.target.parameters())
    assert network.embed.weight.grad is not None
    assert network.embed.weight.grad.abs().sum() > 0
    assert 0 <= apart.item() <= 2


@torch.no_grad()
def test_the_spread_shows_a_collapse() -> None:
    network = encoder()
    head = Distillation(network, width=8).train()
    various, same = image(8), image(1).expand(8, 3, 32, 32)
    _, healthy = head(network, network(various), various)
    _, collapsed = head(network, network(same), same)
    assert healthy > 0.5
    assert collapsed < 1e-3
