"""A small detector learns to find what it sees, in places it was not shown."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData

SIZE, FRAMES = (32, 64), 2
COLORS = {0: (255, 40, 40), 2: (40, 40, 255)}


@pytest.fixture
def look(drive):
    """Function that makes a sample with one object ahead or behind, painted into the images."""
    cameras = drive(1, size=SIZE)[0]['lidar2img']

    def make(random: np.random.Generator) -> dict:
        label = int(random.choice([0, 2]))
        place = np.array([random.choice([-1, 1]) * random.uniform(8, 20), random.uniform(-6, 6),
                          0.5])
        images = np.full((FRAMES * 2, 3, *SIZE), 128, np.uint8)
        for number in range(FRAMES * 2):
            u, v, depth = (cameras[number % 2] @ np.append(place, 1))[:3]
            if depth > 1:
                u, v, half = u / depth, v / depth, max(64.0 / depth, 2)
                window = np.s_[max(int(v - half), 0):int(v + half),
                               max(int(u - half), 0):int(u + half)]
                for channel, value in enumerate(COLORS[label]):
                    images[number, channel][window] = value
        sample = Det3DDataSample(metainfo=dict(
            lidar2img=np.tile(cameras, (FRAMES, 1, 1)),
            img_timestamp=np.repeat([10.0, 9.5], 2)))
        box = torch.tensor([[*place, 4, 4, 2, 0, 0, 0]], dtype=torch.float32)
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(box, box_dim=9, origin=(0.5, 0.5, 0.5)),
            labels_3d=torch.tensor([label]))
        return dict(inputs=dict(img=[torch.from_numpy(images)]), data_samples=[sample])

    return make


def joined(batches: list[dict]) -> dict:
    return dict(inputs=dict(img=[batch['inputs']['img'][0] for batch in batches]),
                data_samples=[batch['data_samples'][0] for batch in batches])


@pytest.mark.slow
def test_it_learns_to_see(build_detector, look):
    model = build_detector(FRAMES, head=dict(with_checkpoint=False, dropout=0.0)).train()
    random, steps = np.random.default_rng(0), 250
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    curve = []
    for _ in range(steps):
        batch = joined([look(random) for _ in range(4)])
        losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 35)
        optimizer.step()
        schedule.step()
        curve.append(loss.item())
    assert np.mean(curve[-20:]) < 0.5 * np.mean(curve[:20])
    model.eval()
    right, unseen = 0, [look(random) for _ in range(20)]
    for batch in unseen:
        with torch.no_grad():
            found = model.test_step(batch)[0].pred_instances_3d
        truth = batch['data_samples'][0].gt_instances_3d
        distance = (found.bboxes_3d.tensor[0, :2] - truth.bboxes_3d.tensor[0, :2]).norm()
        right += int(found.labels_3d[0] == truth.labels_3d[0] and distance < 4)
    assert right >= 8  # by chance one at most
