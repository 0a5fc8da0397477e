"""Training configurations survive JSON and refuse nonsense."""

import msgspec
import pytest

from fireside.core.config import from_dict, to_dict
from fireside.core.errors import ConfigError
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.optimizer import AdamWConfig
from fireside.lm.training_config import TrainingConfig


def test_a_configuration_survives_json():
    config = TrainingConfig(
        num_steps=10,
        schedule=LearningRateSchedule(peak=3e-4, kind="stable-decay"),
        optimizer=AdamWConfig(max_grad_norm=None),
        trainable=("*.self_attn.*", "norm.weight"),
    )
    text = msgspec.json.encode(to_dict(config))
    assert from_dict(TrainingConfig, msgspec.json.decode(text)) == config


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"num_steps": 0}, "num_steps"),
        ({"micro_batch_size": 0}, "micro_batch_size"),
        ({"checkpoint_every": 0}, "checkpoint_every"),
        ({"keep_checkpoints": 0}, "keep_checkpoints"),
        ({"log_every": 0}, "log_every"),
        ({"precision": "fp8"}, "precision"),
        ({"trainable": ()}, "trainable"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(settings, named):
    with pytest.raises(ConfigError, match=named):
        TrainingConfig(**{"num_steps": 10, "schedule": LearningRateSchedule(peak=1.0), **settings})
