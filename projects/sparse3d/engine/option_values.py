"""Values of options given as text: numbers, words, lists; paths arrive as they were given."""
from __future__ import annotations

import ast
from typing import Any

_CLOSING = {'[': ']', '(': ')'}


class CommaText(list):
    """A list that was written as bare words with commas; ``text`` is what was given.

    Where the config holds a text, the text is meant: a path may have a comma.
    """

    def __init__(self, items: list, text: str) -> None:
        super().__init__(items)
        self.text = text


def parse_value(text: str) -> Any:
    """What the text of an option stands for.

    A text in quotes is that text. ``[...]`` and ``(...)`` are lists and tuples, ``1``, ``0.5``,
    ``True``, ``None`` what they look like, ``a,b`` a list. Anything else, and everything with a
    slash, a backslash or a blank outside of brackets, is the text itself, whatever is in it.
    """
    stripped = text.strip()
    if len(stripped) > 1 and stripped[0] == stripped[-1] and stripped[0] in '"\'':
        inner = stripped[1:-1]
        # "[(1, 2)]" in quotes of its own was always a list: shells take only one pair away.
        return _bracketed(inner) if inner[:1] in _CLOSING and inner[-1:] in ')]' else inner
    if stripped[:1] in _CLOSING:
        return _bracketed(stripped)
    plain = _plain(stripped)
    if plain is not stripped:
        return plain
    if ',' in stripped and not any(mark in stripped for mark in '/\\') \
            and len(_split(stripped)) == len(stripped.split(',')):
        items = [item.strip() for item in stripped.split(',') if item.strip()]
        numbers = [_plain(item) for item in items]
        if not any(' ' in item for item in items) and (
                ' ' not in stripped or all(number is not item for number, item
                                           in zip(numbers, items, strict=True))):
            return CommaText(numbers, text)
    return text


def _bracketed(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        pass
    if len(text) < 2 or text[-1] != _CLOSING.get(text[0]):
        return text
    items = [_item(item.strip()) for item in _split(text[1:-1]) if item.strip()]
    return items if text[0] == '[' else tuple(items)


def _item(text: str) -> Any:
    if text[:1] in _CLOSING:
        return _bracketed(text)
    if len(text) > 1 and text[0] == text[-1] and text[0] in '"\'':
        return text[1:-1]
    return _plain(text)


def _plain(text: str) -> Any:
    """A number, truth value or None; else the very text."""
    if text.lower() in ('true', 'false'):
        return text.lower() == 'true'
    if text == 'None':
        return None
    for kind in (int, float) if '_' not in text else ():  # 2024_01 is a name
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _split(text: str) -> list[str]:
    """At commas outside of brackets and quotes."""
    items, depth, quote = [''], 0, ''
    for character in text:
        if quote:
            quote = '' if character == quote else quote
        elif character in '"\'':
            quote = character
        else:
            depth += (character in '[(') - (character in '])')
        if character == ',' and not depth and not quote:
            items.append('')
        else:
            items[-1] += character
    return items
