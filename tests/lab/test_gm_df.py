"""GM-DF: experts by domain, a step that has to help the others, pixels to be restored."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.lab.backbones_tiny import tiny
from unmask.errors import LabError
from unmask.lab.method import build, read_recipe
from unmask.lab.methods import _labelled, gm_df
from unmask.lab.methods.gm_df import DOMAINS, GMDF, Network, apart, discrepancy, experts

Batch = dict[str, Tensor]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("clip", folder=tmp_path_factory.mktemp("clip"))


def made(backbone: Path, **settings: object) -> tuple[GMDF, Network]:
    method = build("gm_df", {"backbone": str(backbone), **settings})
    assert isinstance(method, GMDF)
    torch.manual_seed(0)
    return method, method.network()


def pairs(*domains: int) -> Batch:
    """Noise, of which manipulated pictures have more; a domain is a colour."""
    torch.manual_seed(1)
    image = 0.2 * torch.randn(len(domains), 2, 3, 32, 32)
    image[:, 1] *= 3
    for place, domain in enumerate(domains):
        image[place, :, domain % 3] += 0.5
    label = torch.tensor([[0.0, 1.0]] * len(domains))
    return {"image": image, "label": label, "domain": torch.tensor(domains)}


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(gm_df).failed == 0


def test_untrained_experts_change_nothing(backbone: Path) -> None:
    from unmask.lab import backbones

    _, network = made(backbone)
    image = pairs(0, 1)["image"].flatten(0, 1)
    plain = backbones.load(str(backbone))
    with torch.no_grad():
        feature = torch.nn.functional.normalize(plain.project(plain(image)), dim=1)
        wanted = plain.scale.exp() * feature @ network.head.words.T
        torch.testing.assert_close(network(image), wanted)


@pytest.mark.parametrize(("layers", "count"), [(1, 1), (2, 2), (9, 2)])
def test_only_the_last_layers_get_experts(backbone: Path, layers: int, count: int) -> None:
    _, network = made(backbone, layers=layers)
    assert len(list(experts(network))) == count
    last = network.backbone.vision.encoder.layers[-1].mlp
    assert isinstance(last, gm_df.Experts)


def test_nothing_but_experts_and_the_restorer_learns(backbone: Path) -> None:
    _, network = made(backbone)
    learns = [name for name, value in network.named_parameters() if value.requires_grad]
    parts = {name.rpartition(".")[0].rpartition(".")[2] for name in learns}
    assert parts == {"router", "down", "up", "0", "1"}
    assert not any(".plain." in name for name in learns)
    kept = network.state_dict()
    assert not any(".plain." in name for name in kept)


def test_an_expert_speaks_by_the_share_of_its_domain() -> None:
    layer = gm_df.Experts(torch.nn.Identity(), 4, 2)
    torch.nn.init.normal_(layer.up.weight)
    tokens = torch.randn(1, 3, 4)

    def with_only(domain: int) -> Tensor:
        layer.router.weight.data.zero_()
        layer.router.bias.data.fill_(-50.0)[domain] = 50.0
        inside = torch.nn.functional.gelu(layer.down(tokens)).unflatten(-1, (2, -1))
        keep = torch.zeros(DOMAINS + 1)
        keep[domain] = keep[-1] = 1.0
        wanted = tokens + layer.up((inside * keep).flatten(-2))
        torch.testing.assert_close(layer(tokens), wanted)
        return wanted

    assert not torch.allclose(with_only(0), with_only(1))


def test_one_domain_alone_has_no_meta_test(backbone: Path) -> None:
    method, network = made(backbone)
    assert set(method.loss(network, pairs(2, 2))) == {"loss", "labels", "routing", "restoring"}
    assert {"meta", "alignment"} < set(method.loss(network, pairs(2, 3)))


def test_pooled_training_holds_no_domain_out(backbone: Path) -> None:
    method, network = made(backbone, meta=0.0, alignment=0.0)
    batch = pairs(0, 1, 2, 2)
    parts = method.loss(network, batch)
    assert "meta" not in parts
    image, label = batch["image"].flatten(0, 1), batch["label"].flatten().long()
    wanted = torch.nn.functional.cross_entropy(network(image), label)
    torch.testing.assert_close(parts["labels"], wanted)


def test_the_meta_test_is_one_whole_domain() -> None:
    torch.manual_seed(0)
    domain = torch.tensor([0, 3, 3, 4])
    drawn = {tuple(gm_df.drawn(domain).tolist()) for _ in range(50)}
    assert drawn == {
        (True, False, False, False),
        (False, True, True, False),
        (False, False, False, True),
    }


def test_the_step_is_the_one_that_gradient_descent_would_take(backbone: Path) -> None:
    method, network = made(backbone, inner=0.05)
    trained, tested = pairs(0, 0), pairs(1, 1)
    image, label = trained["image"].flatten(0, 1), trained["label"].flatten().long()
    told = torch.nn.functional.cross_entropy(network(image), label)
    other = tested["image"].flatten(0, 1)
    meta, _ = method._tested(network, told, other, label)
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.05)
    torch.nn.functional.cross_entropy(network(image), label).backward()
    before = torch.nn.functional.cross_entropy(network(other), label)
    optimiser.step()
    after = torch.nn.functional.cross_entropy(network(other), label)
    torch.testing.assert_close(meta, after)
    assert not torch.allclose(before, after, atol=1e-6)


def test_it_learns_what_is_there(backbone: Path) -> None:
    method, network = made(backbone, rank=4)
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=0.01)
    batch = pairs(*([0, 1, 2] * 3))
    course = []
    for _ in range(25):
        parts = method.loss(network, batch)
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        course.append({name: float(value.detach()) for name, value in parts.items()})
    assert course[-1]["labels"] < course[0]["labels"] - 0.1
    assert course[-1]["routing"] < course[0]["routing"] - 0.3
    assert course[-1]["restoring"] < course[0]["restoring"]


def test_only_hidden_patches_count_and_they_are_hidden(backbone: Path) -> None:
    _, network = made(backbone)
    network.eval()
    image = pairs(0)["image"][0, :1]
    hidden = torch.zeros(1, 16, dtype=torch.bool)
    hidden[0, 5] = True  # second row, second column of 8 x 8 pixels
    changed = image.clone()
    changed[:, :, 8:16, 8:16] = 0.9 - image[:, :, 8:16, 8:16] * 2
    seen: list[Tensor] = []
    network.backbone.vision.register_forward_pre_hook(
        lambda _, __, named: seen.append(named["pixel_values"]), with_kwargs=True
    )
    first, second = network.restored(image, hidden), network.restored(changed, hidden)
    assert torch.equal(seen[0], seen[1])
    assert (seen[0][:, :, 8:16, 8:16] == 0).all()
    assert (seen[0][:, :, :8] != 0).all()
    assert not torch.allclose(first, second)


def test_distance_grows_with_what_lies_apart() -> None:
    torch.manual_seed(0)
    points = torch.nn.functional.normalize(torch.randn(40, 5) + 3, dim=1)
    near, far = points[20:], -points[20:]
    assert 0 <= float(discrepancy(points[:20], near)) < float(discrepancy(points[:20], far))
    label = torch.tensor([0, 1] * 10)
    swapped = apart(points[:20], label, points[:20], 1 - label)
    assert float(swapped) > 0


def test_a_backbone_without_texts_is_refused(tmp_path: Path) -> None:
    folder = tiny("dinov2", folder=tmp_path / "dino")
    with pytest.raises(LabError, match="texts") as caught:
        made(folder)
    assert caught.value.code == "bad_recipe"


def test_pairs_say_which_domain_they_are_of() -> None:
    class One:
        def __getitem__(self, index: int) -> Batch:
            return {"image": torch.zeros(2, 3, 8, 8), "label": torch.tensor([0.0, 1.0])}

        def set_epoch(self, epoch: int) -> None:
            return

    kinds = list(_labelled.SHARES)
    mixture = _labelled.Mixture({kinds[3]: One(), kinds[1]: One()}, 50, 0)
    assert {int(mixture[i]["domain"]) for i in range(50)} == {1, 3}


def test_its_recipe_is_its_own() -> None:
    recipe = read_recipe("gm-df")
    assert build(recipe.method, recipe.config).config.pairs == 2048
