"""Pieces given out to a cluster that loses some of them, without a cluster."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from sparse3d.errors import DataError
from sparse3d.parallel import cluster
from sparse3d.parallel.executors import Cluster
from sparse3d.parallel.pieces import LostPiece, call_there, refuse_elsewhere


class Losing:
    """Runs calls at once; those with an item in ``deadly`` are lost."""

    size, max_calls = 1, 6

    def __init__(self, deadly: set[int]) -> None:
        self.deadly, self.given_out = deadly, []

    def __enter__(self) -> Losing:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, calls) -> None:
        self.calls = calls
        self.given_out.append([call.args[2] for call in calls.values()])

    def wait(self) -> Iterator:
        for number, call in self.calls.items():
            lost = self.deadly & set(call.args[2])
            yield number, LostPiece('worker 7') if lost else call()


def test_what_is_lost_is_given_out_again_and_fails_by_name_in_the_end(monkeypatch):
    pieces = Losing({2})
    monkeypatch.setattr(cluster, '_opened', lambda *_: pieces)
    found = dict(cluster.on_cluster(abs, dict(enumerate(range(12))), Cluster('dask', 'there'),
                                    'numbers', 16, str))
    lost = found.pop(2)
    assert isinstance(lost, DataError) and str(lost) == '2: its worker died 3 times (worker 7)'
    assert found == {number: number for number in range(12) if number != 2}
    first, second, third = pieces.given_out
    assert len(first) <= Losing.max_calls and sorted(sum(first, [])) == list(range(12))
    assert [2] in second and third == [[2]], 'alone, so that its neighbors are done'


def test_another_folder_or_release_on_a_machine_of_the_cluster_is_refused(tmp_path):
    with pytest.raises(DataError, match='of the cluster has no folder'):
        call_there(str(tmp_path / 'none'), abs, [1])
    with pytest.raises(DataError, match='has sparse3d .*, this one 0.0.1'):
        refuse_elsewhere(str(tmp_path), '0.0.1')
