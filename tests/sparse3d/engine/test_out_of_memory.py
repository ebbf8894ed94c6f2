"""A GPU that is too small is answered with what makes a training smaller."""
from __future__ import annotations

import sys

import pytest
import torch

from sparse3d.apis import load_config, train
from sparse3d.engine.out_of_memory import without_checkpointing
from sparse3d.errors import OutOfMemory


def full(*arguments, **options):
    raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')


def test_a_gpu_without_memory_for_a_batch(tiny_config, tmp_path, monkeypatch):
    def out_of_memory(self, inputs, data_samples=None, mode='tensor'):
        return forward(self, inputs, data_samples, mode) if mode == 'predict' else full()

    train(tiny_config, tmp_path, dry_run=True)  # imports the model
    kind = sys.modules['tiny_training'].TinyDetector
    forward = kind.forward
    monkeypatch.setattr(kind, 'forward', out_of_memory)
    with pytest.raises(OutOfMemory) as caught:
        train(tiny_config, tmp_path, batch_size=8)
    assert str(caught.value) == (
        'the GPU has not enough memory for batches of 8 (train_dataloader.batch_size), in epoch '
        '1/4  0/1: try a smaller --batch-size (with --accumulate a step keeps its samples), '
        '--amp or a GPU with more memory')
    assert isinstance(caught.value.__cause__, torch.cuda.OutOfMemoryError)


@pytest.mark.parametrize('options, ways', [
    ({}, 'a smaller val_dataloader.batch_size, half precision (--cfg-options val_cfg.fp16=True) '
         'or a GPU with more memory'),
    ({'val_cfg.fp16': True, 'val_dataloader.batch_size': 1}, 'a GPU with more memory')])
def test_a_gpu_without_memory_for_the_validation_before_training(
        tiny_config, tmp_path, monkeypatch, options, ways):
    """No gradients are kept there: neither --amp nor checkpointing makes it smaller."""
    train(tiny_config, tmp_path, dry_run=True)  # imports the model
    monkeypatch.setattr(sys.modules['tiny_training'].TinyDetector, 'forward', full)
    with pytest.raises(OutOfMemory) as caught:
        train(tiny_config, tmp_path, options)
    batch = options.get('val_dataloader.batch_size', 2)
    assert str(caught.value) == (
        f'the GPU has not enough memory for batches of {batch} (val_dataloader.batch_size), in '
        f'validation  0/{4 // batch}: try {ways}')


def test_the_keys_that_keep_fewer_activations_are_named():
    config = load_config('dsvt_pillar_waymo_1frame_24e')
    keys = list(without_checkpointing(config.model))
    assert keys and all(key.endswith(('.with_cp', '.with_checkpoint')) for key in keys)
    for key in keys:
        config.merge_from_dict({key: True})
    assert list(without_checkpointing(config.model)) == []
