"""A page in headless Chromium, driven over its own pipe: no port, no network, no package."""
from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') \
    or shutil.which('google-chrome')
REASON = 'Chromium is not installed (apt-get install chromium)'
OPTIONS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--use-angle=swiftshader',
           '--enable-unsafe-swiftshader', '--disable-quic', '--no-first-run',
           '--disable-background-networking', '--disable-component-update', '--disable-sync',
           '--autoplay-policy=no-user-gesture-required', '--remote-debugging-pipe']


class Page:
    """A page that is open; used with ``with``.

    Attributes:
        errors: what the console and exceptions said.
        requests: addresses that the page asked for.
    """

    def __init__(self, address: str, width: int = 1000, height: int = 700,
                 mobile: bool = False) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_read, self._write = map(_high, os.pipe())
        self._read, to_write = map(_high, os.pipe())
        command = [CHROMIUM, *OPTIONS, f'--user-data-dir={self._profile.name}', 'about:blank']
        # Chromium reads its commands from 3 and answers on 4
        self._process = subprocess.Popen(
            ['bash', '-c', f'exec "$@" 3<&{to_read} 4>&{to_write}', 'bash', *command],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self._number, self._buffer, self._session = 0, b'', None
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self._session = self.call('Target.attachToTarget', targetId=target,
                                  flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=mobile)
        self.call('Page.navigate', url=address)
        self.wait('document.readyState === "complete"')

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)
        self._profile.cleanup()

    def evaluate(self, expression: str) -> Any:
        """The value of JavaScript in the page; a promise is waited for."""
        answer = self.call('Runtime.evaluate', expression=expression, returnByValue=True,
                           awaitPromise=True)
        if 'exceptionDetails' in answer:
            details = answer['exceptionDetails']
            raise AssertionError(details.get('exception', {}).get('description', details['text']))
        return answer['result'].get('value')

    def wait(self, condition: str, seconds: float = 30.0) -> None:
        """Until JavaScript is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(condition):
            if time.monotonic() > end:
                raise AssertionError(f'{condition} is still false; the console: {self.errors}')
            time.sleep(0.05)

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a pixel of the page."""
        for kind in ('mouseMoved', 'mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left',
                      clickCount=1, buttons=1 if kind == 'mousePressed' else 0)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Pull the mouse from one pixel to another."""
        for kind, (x, y), buttons in (('mousePressed', start, 1), ('mouseMoved', end, 1),
                                      ('mouseReleased', end, 0)):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left',
                      clickCount=1, buttons=buttons)

    def screenshot(self, path: Path | None = None):
        """(H, W, 3) uint8 RGB of the page."""
        import io

        import numpy as np
        from PIL import Image
        data = base64.b64decode(self.call('Page.captureScreenshot', format='png')['data'])
        if path is not None:
            Path(path).write_bytes(data)
        return np.asarray(Image.open(io.BytesIO(data)).convert('RGB'))

    def call(self, method: str, **parameters: Any) -> dict:
        """A command of Chromium's protocol."""
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': parameters}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._write, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._next()
            if answer.get('id') == self._number:
                if 'error' in answer:
                    raise AssertionError(f'{method}: {answer["error"]}')
                return answer['result']
            self._note(answer)

    def _next(self) -> dict:
        while b'\0' not in self._buffer:
            chunk = os.read(self._read, 1 << 16)
            if not chunk:
                raise AssertionError('Chromium ended')
            self._buffer += chunk
        message, self._buffer = self._buffer.split(b'\0', 1)
        return json.loads(message)

    def _note(self, event: dict) -> None:
        method, values = event.get('method'), event.get('params', {})
        if method == 'Runtime.exceptionThrown':
            details = values['exceptionDetails']
            self.errors.append(details.get('exception', {}).get('description', details['text']))
        elif method == 'Runtime.consoleAPICalled' and values['type'] in ('error', 'assert'):
            self.errors.append(' '.join(str(item.get('value', item.get('description')))
                                        for item in values['args']))
        elif method == 'Log.entryAdded' and values['entry']['level'] == 'error':
            self.errors.append(values['entry']['text'])
        elif method == 'Network.requestWillBeSent':
            self.requests.append(values['request']['url'])


def _high(descriptor: int) -> int:
    """The same end of a pipe under a number that is neither 3 nor 4."""
    made = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return made
