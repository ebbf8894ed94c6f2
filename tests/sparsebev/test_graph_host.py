"""SparseBEV with its graphs predicts what it predicts; PyTorch stands for the graphs."""
from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from mmengine.config import Config

from sparse3d.engine.hooks import reusing_features
from sparsebev.deployable import DeployableSparseBEV, FirstFrame, ImageEncoder, NextFrame
from sparsebev.graph_host import host
from sparsebev_outputs import detections, same

SIZE = (30, 62)  # is padded to 32 x 64
CONFIG = Config(dict(test_dataloader=dict(dataset=dict(pipeline=[
    dict(type='AugmentImages', size=SIZE)]))))


@pytest.mark.parametrize('driven', [False, True], ids=['alone', 'driven'])
@pytest.mark.parametrize('stream', [True, False], ids=['stream', 'encoder'])
def test_predictions_are_those_of_the_detector(build_detector, drive, batch_of, stream, driven):
    plain, hosted = build_detector(2), build_detector(2, cache_frames=2)
    parts = dict(first_frame=FirstFrame(plain, (32, 64)), next_frame=NextFrame(plain, (32, 64))) \
        if stream else dict(image_encoder=ImageEncoder(plain),
                            decoder=DeployableSparseBEV(plain.bbox_head, (32, 64)))
    taken, ran = drive(4, size=SIZE), []

    def counted(name, part):
        return lambda inputs: (ran.append(name), part.eval()(inputs))[1]

    host(hosted, CONFIG, {name: counted(name, part) for name, part in parts.items()})
    with reusing_features(hosted) if driven else nullcontext():
        for last in (2, 3, 4):
            more = dict(image_valid=np.array([True, True, False, True])) if last == 4 else {}
            batch = batch_of(taken[:last], 2, **more)
            same(detections(hosted, batch)[0], detections(plain, batch)[0])
    assert set(ran) == set(parts) and ran.count('next_frame' if stream else 'decoder') == 3


def test_images_come_back_as_they_were_loaded(build_detector):
    preprocessor = build_detector(2).data_preprocessor
    images = torch.randint(0, 256, (2, 3, *SIZE)).float()
    normal = preprocessor.normalize(images)
    assert normal.shape[-2:] == (32, 64)
    torch.testing.assert_close(preprocessor.as_loaded(normal, SIZE), images, rtol=0, atol=1e-3)
