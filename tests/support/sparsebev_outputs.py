"""What SparseBEV says of batches, and whether two answers are the same."""
from __future__ import annotations

import torch
from mmengine.structures import InstanceData


def joined(*batches: dict) -> dict:
    return dict(inputs=dict(img=[img for batch in batches for img in batch['inputs']['img']]),
                data_samples=[item for batch in batches for item in batch['data_samples']])


def same(left: InstanceData, right: InstanceData, atol: float = 2e-4) -> None:
    torch.testing.assert_close(left.scores_3d, right.scores_3d, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(left.bboxes_3d.tensor, right.bboxes_3d.tensor, atol=atol, rtol=1e-3)


def detections(model, batch: dict) -> list[InstanceData]:
    with torch.no_grad():
        return [sample.pred_instances_3d for sample in model.test_step(batch)]


def raw(model, batch: dict) -> dict:
    with torch.no_grad():
        return model(**model.data_preprocessor(batch), mode='tensor')['head']
