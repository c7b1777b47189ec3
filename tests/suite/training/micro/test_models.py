"""The family's models: true classes, shared weights, a connector that starts whitened."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from suite.training.micro import models
from suite.training.micro.models import Shape

TOKENS = {"pad": 0, "eos": 3}
SIDE, PATCH, DEPTH = 24, 12, 8


def features(seed: int) -> tuple[Tensor, Tensor]:
    """Mean and covariance of features of which one direction has 1,000 times the variance."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(DEPTH, DEPTH, generator=generator)).Q
    scales = torch.tensor([1000.0, 4.0, 2.0, 1.0, 1.0, 1.0, 0.7, 0.5])
    return torch.randn(DEPTH, generator=generator) * 5, basis @ torch.diag(scales) @ basis.T


@pytest.fixture(scope="module")
def parts() -> tuple[object, object, object]:
    """A text model, a tower and the LLaVA made of them."""
    text = models.text_model(Shape(64, 2, 2, 16), 50, TOKENS, seed=1)
    tower = models.vision_model(SIDE, PATCH, DEPTH, 1, seed=2)
    return text, tower, models.llava_model(text, tower, 6, features(0), seed=3)


def test_text_model_is_as_its_shape_says() -> None:
    model = models.text_model(Shape(16, 3, 4, 8), 50, TOKENS, seed=0)
    assert type(model).__name__ == "Qwen3ForCausalLM"
    config = model.config
    assert (config.hidden_size, config.num_hidden_layers, config.head_dim) == (16, 3, 8)
    assert (config.num_attention_heads, config.num_key_value_heads) == (4, 4)
    assert (config.intermediate_size, config.vocab_size) == (48, 50)
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    assert (config.pad_token_id, config.eos_token_id) == (0, 3)
    assert model.model.embed_tokens.weight[1:].std().item() == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("seed", [1, 2])
def test_weights_depend_on_the_seed_alone(seed: int) -> None:
    def weights(s: int) -> Tensor:
        return torch.cat([
            p.flatten() for p in models.text_model(Shape(16, 1, 2, 8), 50, TOKENS, s).parameters()
        ])  # fmt: skip

    torch.rand(seed)  # other use of the generator in between does not matter
    assert torch.equal(weights(seed), weights(seed))
    assert not torch.equal(weights(seed), weights(seed + 1))


def test_tower_has_no_pooling_head_and_a_feature_a_patch() -> None:
    tower = models.vision_model(72, 12, 16, 1, seed=0)
    out = tower(pixel_values=torch.zeros(2, 3, 72, 72)).last_hidden_state
    assert out.shape == (2, 36, 16)
    assert not any("head" in name for name, _ in tower.named_parameters())


def test_llava_holds_copies_of_the_text_model_and_the_tower(parts: tuple) -> None:
    text, tower, llava = parts
    for mine, theirs in ((llava.model.language_model, text.model),
                         (llava.model.vision_tower, tower)):  # fmt: skip
        state = mine.state_dict()
        assert state.keys() == theirs.state_dict().keys()
        for name, weight in theirs.state_dict().items():
            assert torch.equal(state[name], weight), name
            assert state[name].data_ptr() != weight.data_ptr()
    tied = llava.lm_head.weight.data_ptr()
    assert tied == llava.model.language_model.embed_tokens.weight.data_ptr()


def test_llava_answers_a_text_as_the_text_model_does(parts: tuple) -> None:
    text, _, llava = parts
    ids = torch.randint(7, 50, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(llava(input_ids=ids).logits, text(input_ids=ids).logits)


def test_connector_starts_as_a_projection_of_whitened_features(parts: tuple) -> None:
    _, _, llava = parts
    mean, covariance = features(0)
    first = llava.model.multi_modal_projector.linear_1
    weight = first.weight.detach().double()
    assert torch.allclose(first(mean), torch.zeros(64), atol=1e-3)
    # With y = P W (x - mean) / sqrt(d), W whitening and P random normal, P Q = sqrt(d) * weight *
    # covariance^(1/2) for an orthonormal Q: its columns have 64 times unit energy each, also along
    # the direction of a thousand times the variance.
    values, vectors = torch.linalg.eigh(covariance.double())
    projected = DEPTH**0.5 * weight @ vectors @ torch.diag(values.sqrt())
    energy = (projected**2).sum(0)
    assert energy.min() > 64 * 0.4
    assert energy.max() < 64 * 1.8
    # Undone by its own projection, the output's covariance is the identity.
    plain = DEPTH**0.5 * weight @ vectors @ torch.diag((values + 1e-4 * values.max()).sqrt())
    whitened = torch.linalg.pinv(plain) @ projected
    assert torch.allclose(whitened, torch.eye(DEPTH, dtype=torch.double), atol=0.1)


def test_whitened_samples_have_unit_variance_on_average(parts: tuple) -> None:
    _, _, llava = parts
    mean, covariance = features(0)
    generator = torch.Generator().manual_seed(1)
    root = torch.linalg.cholesky(covariance)
    samples = mean + torch.randn(4000, DEPTH, generator=generator) @ root.T
    out = llava.model.multi_modal_projector.linear_1(samples).detach()
    assert out.mean(0).abs().max() < 0.15
    assert out.var(0).mean() == pytest.approx(1.0, rel=0.25)
    unwhitened = samples @ torch.randn(DEPTH, 64, generator=generator) / DEPTH**0.5
    assert unwhitened.var(0).mean() > 50  # what it would be without


def test_pictures_change_the_answer(parts: tuple) -> None:
    _, _, llava = parts
    ids = torch.tensor([[10, 6, 6, 6, 6, 11, 12]])
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 1, 3, SIDE, SIDE, generator=generator)
    with torch.no_grad():
        a = llava(input_ids=ids, pixel_values=one).logits
        b = llava(input_ids=ids, pixel_values=other).logits
    assert torch.equal(a[:, 0], b[:, 0])  # before the picture
    assert not torch.allclose(a[:, -1], b[:, -1])


def test_probe_scores_by_hand() -> None:
    class Tower(torch.nn.Module):
        """Gives one feature a patch: the picture's own first pixels."""

        config = SimpleNamespace(hidden_size=2)

        def forward(self, pixel_values: Tensor) -> object:
            """Features (batch, 2 patches, 2)."""
            return SimpleNamespace(last_hidden_state=pixel_values)

    probe = models.Probe(Tower(), {"taken": 2, "shape": 2})
    with torch.no_grad():
        for reader in probe.readers.values():
            reader.weight.copy_(torch.eye(2))
            reader.bias.zero_()
        probe.corners.weight.zero_()
        probe.corners.bias.fill_(0.5)
    shown = torch.tensor([[[0.0, 2.0], [2.0, 0.0]]])  # says class 1, then class 0
    labels = torch.tensor([[[1, 0], [1, -100]]])
    out = probe(shown, labels, torch.zeros(1, 2, 4))
    assert out["accuracy"].tolist() == [0.5, 0.0]
    wrong, right = torch.log(torch.tensor([1 + torch.e**2, 1 + torch.e**-2])).tolist()
    # taken: one right, one wrong; shape: one wrong; boxes: 4 * 0.5^2.
    assert out["loss"].item() == pytest.approx((right + wrong) / 2 + wrong + 1.0, rel=1e-5)
