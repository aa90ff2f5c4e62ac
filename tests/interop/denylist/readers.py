# SPDX-License-Identifier: LGPL-2.1-or-later
"""The small readers of docs/examples/denylist-readers as programs that can be asked, and a line to their issuer that
can be cut."""
import json
import os
import shutil
import socket
import subprocess
import threading
import time

from interop import tap

HERE = os.path.dirname(os.path.abspath(__file__))
READERS = os.path.realpath(os.path.join(HERE, '..', '..', '..', 'docs', 'examples', 'denylist-readers'))


class Reader:
    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, command, log

    def start(self, issuer, client_id, secret):
        environment = dict(os.environ, READERS=READERS, PYTHONDONTWRITEBYTECODE='1')
        self.process = subprocess.Popen([*self.command, issuer, client_id, secret], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=environment)

    def ask(self, *words):
        self.process.stdin.write(' '.join(map(str, words)) + '\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def check(self, token, audience):
        """The subject, or None."""
        return self.ask('check', token, audience).get('sub')

    def until(self, what, seconds=tap.PATIENCE):
        """Whether its state became so in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if what(self.ask('state')):
                return True
            time.sleep(0.02)
        return False

    def stop(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(tap.PATIENCE)
        self.process.stdout.close()


def find_all(report, log):
    """Those whose language is here."""
    build = os.environ.get('INTEROP_BUILD') or '/tmp'
    found = [Reader('python', ['/usr/bin/python3', os.path.join(HERE, 'probe.py')], log)]
    if report.finds('node'):
        found.append(Reader('node', ['node', os.path.join(HERE, 'probe.mjs')], log))
    if report.finds('go'):
        program = os.path.join(build, 'denylist-probe')
        environment = dict(os.environ, GOCACHE=os.path.join(build, 'go-cache'), GOFLAGS='-mod=mod', GOPROXY='off', GOTOOLCHAIN='local')
        subprocess.run(['go', 'build', '-o', program, '.'], cwd=os.path.join(HERE, 'go'), env=environment, check=True, timeout=900)
        found.append(Reader('go', [program], log))
    return [reader for reader in found if shutil.which(reader.command[0])]


class Line:
    """TCP from a port of its own to another one, until it is cut."""

    def __init__(self, port):
        self.listener = socket.create_server(('127.0.0.1', port))
        self.target, self.whole, self.open = None, True, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            try:
                far = socket.create_connection(('127.0.0.1', self.target))
            except OSError:
                near.close()
                continue
            self.open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    @staticmethod
    def carry(source, target):
        try:
            for part in iter(lambda: source.recv(65536), b''):
                target.sendall(part)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.whole = False
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def mend(self):
        self.whole = True

    def close(self):
        self.cut()
        self.listener.close()
