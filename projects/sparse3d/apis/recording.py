"""What a recorded drive holds, topic by topic."""
from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from sparse3d.errors import DataError
from sparse3d.parallel.progress import Activity
from sparse3d.recordings.foreign_text import shown
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.topics import Topic, look


@dataclass(frozen=True)
class RecordingContent:
    """The topics of a recording.

    Attributes:
        path: of the recording.
        topics: by name.
        left_out: what cannot be read, a sentence each.
    """

    path: Path
    topics: dict[str, Topic]
    left_out: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """From the first to the last message."""
        return (max(topic.last for topic in self.topics.values())
                - min(topic.first for topic in self.topics.values())) / 1e9

    def __str__(self) -> str:
        rows = [('topic', 'messages', 'Hz', 'frame', 'type')]
        rows += [(shown(name), str(topic.count), f'{topic.rate:.1f}', shown(topic.frame),
                  shown(topic.type)) for name, topic in sorted(self.topics.items())]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = ['  '.join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)),
                            row[4]]) for row in rows]
        count = sum(topic.count for topic in self.topics.values())
        return '\n'.join([*lines, f'{count} messages on {len(self.topics)} topics over '
                          f'{self.seconds:.1f} s in {self.path}'])


def list_recording(path: str | PathLike) -> RecordingContent:
    """Read a recording once, from begin to end, and say what it holds.

    Args:
        path: ``.mcap`` file, ``.db3`` file, or folder of a ROS 2 bag.

    Raises:
        DataError: if it is no recording, cannot be read or has no messages.
        BackendUnavailable: if the extra ``recordings`` is not installed.
    """
    left_out = LeftOut()
    with Activity(f'reading {path}'):
        topics = look(path, left_out, seconds=None)
    if not topics:
        raise DataError(f'{path} has no messages'
                        + ''.join(f'; {line}' for line in left_out.sentences()))
    for name, topic in topics.items():
        if topic.fault and not topic.fault.endswith('is of no use here'):
            left_out.add(f'messages of {shown(name)}', topic.fault, topic.count)
        if topic.others:
            left_out.add(f'messages of {shown(name)}', f'of another type than {shown(topic.type)}, '
                         f'the first one there', topic.others)
    return RecordingContent(Path(path), topics, tuple(left_out.sentences()))
