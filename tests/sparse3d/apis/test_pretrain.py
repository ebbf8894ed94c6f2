"""From clouds without labels to a detector that begins with what they taught."""
from __future__ import annotations

import pytest
import torch

from sparse3d.apis import train
from sparse3d.apis.pretrain import pretrain
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.engine.dry_run import DryRun
from sparse3d.engine.pretraining_config import PretrainingOptions
from sparse3d.errors import CheckpointError, ConfigError
from sparse3d.transforms.info_files import read_plain_file, write_plain_file

CONFIG = 'centerpoint_simulated_kitti_car'
QUICK = dict(batch_size=2, workers=0)


@pytest.fixture
def unlabeled(small_kitti):
    """The drive of three frames, its info file without a single box."""
    prepare_kitti(small_kitti.root)
    path = small_kitti.root / 'kitti_infos_train.pkl'
    (small_kitti.root / 'labeled.pkl').write_bytes(path.read_bytes())
    info = read_plain_file(path)
    for entry in info['data_list']:
        entry.pop('instances', None)
        entry.pop('cam_instances', None)
    write_plain_file(path, info)
    return small_kitti.root


def test_an_encoder_of_unlabeled_clouds_is_where_a_detector_begins(unlabeled, tmp_path, capsys):
    data = {'data_root': str(unlabeled)}
    done = pretrain(CONFIG, tmp_path / 'pre', PretrainingOptions(epochs=1), data, **QUICK)
    assert done.encoder == tmp_path / 'pre' / 'encoder.pth' and done.tensors > 20
    assert 'LoadAnnotations3D' in done.left_out
    stored = torch.load(done.encoder, map_location='cpu')
    assert stored['meta']['encoder'] == dict(method='MaskedVoxelPretraining', config=CONFIG,
                                             epochs=1)
    assert {name.split('.')[0] for name in stored['state_dict']} == {'middle_encoder'}
    capsys.readouterr()
    (unlabeled / 'labeled.pkl').replace(unlabeled / 'kitti_infos_train.pkl')
    result = train(CONFIG, tmp_path / 'fine', {
        **data, 'pretrained_encoder': str(done.encoder), 'optim_wrapper.optimizer.lr': 0.0,
        'param_scheduler.0.eta_max': 1e-12}, epochs=1, **QUICK)
    assert (f'{done.encoder}: {done.tensors} of {done.tensors} tensors of middle_encoder loaded; '
            f'as initialized: backbone, bbox_head, neck') in capsys.readouterr().out
    state = torch.load(result.checkpoint, map_location='cpu')['state_dict']
    kernels = [name for name in stored['state_dict'] if stored['state_dict'][name].dim() > 1]
    assert kernels and all(torch.allclose(state[name], stored['state_dict'][name], atol=1e-6)
                           for name in kernels)


def test_a_dry_run_and_what_is_refused(unlabeled, tmp_path):
    data = {'data_root': str(unlabeled)}
    assert isinstance(pretrain(CONFIG, tmp_path / 'a', None, data, dry_run=True, **QUICK), DryRun)
    absent = {**data, 'pretrained_encoder': str(tmp_path / 'absent.pth')}
    with pytest.raises(CheckpointError, match='absent.pth does not exist'):
        train(CONFIG, tmp_path / 'b', absent, dry_run=True, epochs=1, **QUICK)
    torch.save(dict(state_dict={'x': torch.ones(1)}), tmp_path / 'x.pth')
    with pytest.raises(ConfigError, match='leave one of them out'):
        train(CONFIG, tmp_path / 'b', {**absent, 'load_from': str(tmp_path / 'x.pth')},
              dry_run=True, epochs=1, **QUICK)
