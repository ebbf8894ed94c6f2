"""A report as one HTML file: tables, vector charts and pictures inside, nothing fetched."""
from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from sparse3d.atomic_files import write_bytes_atomically

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2330; background: #fff; margin: 0 auto;
       max-width: 1060px; padding: 16px; overflow-wrap: anywhere; }
h1 { font-size: 24px; line-height: 1.25; margin-bottom: 0; }
h2 { font-size: 19px; margin: 32px 0 8px; } h3 { font-size: 16px; margin: 16px 0 4px; }
p.sub { color: #5b6472; margin-top: 2px; }
nav { font-size: 14px; margin: 8px 0; } nav a { margin-right: 12px; }
.table { overflow-x: auto; max-width: 100%; overflow-wrap: normal; }
table { border-collapse: collapse; margin: 8px 0; font-variant-numeric: tabular-nums; }
td, th { padding: 4px 10px; text-align: right; }
th { border-bottom: 2px solid #1c2330; font-weight: 600; } td { border-bottom: 1px solid #e3e6eb; }
td:first-child, th:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 8px 0; }
.tile { border: 1px solid #d4d9e0; border-radius: 8px; padding: 8px 14px; }
.tile b { display: block; font-size: 22px; }
.chart svg { max-width: 100%; height: auto; } figure { margin: 12px 0; }
figure img { width: 100%; max-width: 800px; border-radius: 6px; }
figcaption { color: #5b6472; font-size: 13px; }
.grid { display: grid; gap: 16px; align-items: start;
        grid-template-columns: repeat(auto-fill, minmax(min(720px, 100%), 1fr)); }
"""


class HtmlReport:
    """Sections put one below the other, written at the end.

    Args:
        title: of the page.
        subtitle: one line below it.
    """

    def __init__(self, title: str, subtitle: str = '') -> None:
        self.title = title
        self._parts: list[str] = []
        self._sections: list[tuple[str, str]] = []
        self._subtitle = subtitle

    def section(self, title: str, text: str = '') -> None:
        """Begin a section."""
        name = '-'.join(title.lower().split())
        self._sections.append((name, title))
        self._parts.append(f'<h2 id="{html.escape(name)}">{html.escape(title)}</h2>')
        if text:
            self._parts.append(f'<p>{html.escape(text)}</p>')

    def heading(self, title: str) -> None:
        """A title within a section."""
        self._parts.append(f'<h3>{html.escape(title)}</h3>')

    def text(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(f'<p>{html.escape(text)}</p>')

    def tiles(self, numbers: Mapping[str, object]) -> None:
        """A few large numbers."""
        self._parts.append('<div class="tiles">' + ''.join(
            f'<div class="tile"><b>{_cell(value)}</b>{html.escape(name)}</div>'
            for name, value in numbers.items()) + '</div>')

    def folded(self, title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table that opens when its title is touched."""
        self._parts.append(f'<details><summary>{html.escape(title)}</summary>')
        self.table(head, rows)
        self._parts.append('</details>')

    def table(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add a table; numbers are written with two decimals, NaN as a dash."""
        top = ''.join(f'<th>{html.escape(str(cell))}</th>' for cell in head)
        body = ''.join('<tr>' + ''.join(f'<td>{_cell(cell)}</td>' for cell in row) + '</tr>'
                       for row in rows)
        self._parts.append(f'<div class="table"><table><thead><tr>{top}</tr></thead>'
                           f'<tbody>{body}</tbody></table></div>')

    def chart(self, figure: Figure) -> None:
        """Add a matplotlib figure as vectors."""
        buffer = io.StringIO()
        figure.savefig(buffer, format='svg')
        svg = buffer.getvalue()
        self._parts.append(f'<div class="chart">{svg[svg.index("<svg"):]}</div>')

    def pictures(self, paths: Sequence[Path], captions: Sequence[str]) -> None:
        """Add PNG files side by side, carried inside the page."""
        figures = []
        for path, caption in zip(paths, captions, strict=True):
            content = base64.b64encode(Path(path).read_bytes()).decode()
            caption = html.escape(caption)
            figures.append(f'<figure><img alt="{caption}" src="data:image/png;base64,{content}">'
                           f'<figcaption>{caption}</figcaption></figure>')
        self._parts.append(f'<div class="grid">{"".join(figures)}</div>')

    def write(self, path: str | os.PathLike) -> Path:
        """Write the page as a whole.

        Raises:
            DataError: if it cannot be written.
        """
        links = ''.join(f'<a href="#{html.escape(name)}">{html.escape(title)}</a>'
                        for name, title in self._sections)
        page = (f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
                f'<meta name="viewport" content="width=device-width, initial-scale=1">'
                f'<title>{html.escape(self.title)}</title><style>{STYLE}</style></head>'
                f'<body><h1>{html.escape(self.title)}</h1>'
                f'<p class="sub">{html.escape(self._subtitle)}</p><nav>{links}</nav>'
                f'{"".join(self._parts)}</body></html>')
        write_bytes_atomically(path, page.encode())
        return Path(path)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return '–' if value != value else f'{value:.2f}'
    return html.escape(str(value))
