"""Checkpoints get a name under which they can be read again."""
import pytest

from sparse3d.checkpoints.written import refuse_safetensors_name
from sparse3d.errors import CheckpointError


def test_the_suffix_of_another_format_is_refused(tmp_path):
    for name in ('a.pth', 'a.pt', 'a', 'a.safetensors.pth'):
        refuse_safetensors_name(tmp_path / name)
    for name in ('a.safetensors', 'a.SafeTensors'):
        with pytest.raises(CheckpointError, match=f'{name} would be written by torch.save'):
            refuse_safetensors_name(tmp_path / name)
