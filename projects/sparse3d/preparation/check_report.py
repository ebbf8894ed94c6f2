"""What a check of a prepared data set found, as a readable report."""
from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class CheckReport:
    """Facts and problems, in the order they were found."""
    title: str
    facts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def fact(self, text: str) -> None:
        """Note something that is as it is."""
        self.facts.append(text)

    def problem(self, text: str) -> None:
        """Note something that has to be repaired before training."""
        self.problems.append(text)

    def problems_of(self, what: str, names: list[str]) -> None:
        """Note one problem for many files or frames: the count and the first three names."""
        if names:
            more = ', ...' if len(names) > 3 else ''
            self.problem(f'{len(names)} {what}: {", ".join(names[:3])}{more}')

    def __str__(self) -> str:
        verdict = 'no problems found' if self.ok else f'{len(self.problems)} problem(s) found'
        return '\n'.join([
            self.title, *(f'  {text}' for text in self.facts),
            *(f'  PROBLEM {text}' for text in self.problems), f'  {verdict}'])
