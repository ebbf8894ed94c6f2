"""What of a recording was not used: counted by reason, said once each."""
from __future__ import annotations

MAX_REASONS = 100  # a damaged file may have a new reason at every message


class LeftOut:
    """Counts what was left out, so that nothing is passed over in silence.

    Attributes:
        counts: (what, why) to how many, in the order in which they came.
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def add(self, what: str, why: str, count: int = 1) -> None:
        """Count some more.

        Args:
            what: in the plural, ``'clouds of /lidar'``.
            why: half a sentence, the same for all that are alike.
        """
        key = what, why
        if key not in self.counts and len(self.counts) >= MAX_REASONS:
            key = 'things', 'for more than a hundred other reasons'
        self.counts[key] = self.counts.get(key, 0) + count

    def __bool__(self) -> bool:
        return bool(self.counts)

    def sentences(self) -> list[str]:
        """A line for each reason."""
        return [f'{what}: {why} ({"once" if count == 1 else f"{count} times"})'
                for (what, why), count in self.counts.items()]
