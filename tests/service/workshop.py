# SPDX-License-Identifier: LGPL-2.1-or-later
"""A folder in which a test writes configuration files, and what it starts there.

Environment: TESSERAD, the service under test; TESSERA, the command."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

import tap
from tessera_fixture import COMPLAINTS, free_port, server_lines

SECRET = 'a-secret-made-for-tests-0123456789'
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')


class Workshop:
    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix='tessera-service-')
        self.folder = self._folder.name
        self.config = self.path('tessera.conf')
        self.port = free_port()
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for process in self.processes:
            process.end()
            if kind is not None:
                print('\n'.join('# log: ' + line for line in process.text.splitlines()[-40:]))
        self._folder.cleanup()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def server(self, **keys):
        """[server], and a listener on a free port."""
        keys.setdefault('issuer', 'http://127.0.0.1:%d' % self.port)
        keys.setdefault('state-directory', 'state')
        lines = ['%s=%s\n' % (key, value) for key, value in keys.items() if value is not None]
        return '[server]\n' + ''.join(lines) + server_lines(''.join(lines)) + '[listener main]\naddress=127.0.0.1:%d\n' % self.port

    def machine(self, client_id='machine', more=''):
        """A client for client_credentials, with its secret."""
        self.write(client_id + '.secret', SECRET + '\n')
        return '[client %s]\nclient_secret_file=%s.secret\ngrant_types=client_credentials;\nscope=a\n%s' % (client_id, client_id, more)

    def environment(self, **more):
        environment = dict(os.environ)
        environment.update(
            G_DEBUG='fatal-criticals',
            ASAN_OPTIONS=environment.get('ASAN_OPTIONS', 'detect_leaks=1:abort_on_error=0'),
            UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1',
            LC_ALL='C.UTF-8',
        )
        for name in ('NOTIFY_SOCKET', 'LISTEN_FDS', 'LISTEN_PID', 'STATE_DIRECTORY', 'RUNTIME_DIRECTORY', 'WATCHDOG_USEC', 'WATCHDOG_PID',
                     'CREDENTIALS_DIRECTORY'):
            environment.pop(name, None)
        environment.update(more)
        return environment

    def check(self, text=None, **environment):
        """--check-config of @text: (exit status, all it said)."""
        if text is not None:
            self.write('tessera.conf', text)
        return run([os.environ['TESSERAD'], '--check-config', '--config', self.config], env=self.environment(**environment))

    def refuses(self, text, *words, **environment):
        """78, one line, which has all the @words."""
        status, said = self.check(text, **environment)
        tap.equal(status, 78, said)
        tap.equal(len(said.strip().splitlines()), 1, said)
        for word in words:
            tap.contains(said, word)

    def accepts(self, text, **environment):
        status, said = self.check(text, **environment)
        tap.equal(status, 0, said)
        return said

    def start(self, text=None, wait=True, **environment):
        if text is not None:
            self.write('tessera.conf', text)
        process = Process([os.environ['TESSERAD'], '--config', self.config], self.environment(**environment), self.folder)
        self.processes.append(process)
        if wait:
            process.wait_for('listening on ')
        return process


def run(arguments, **options):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, **options)
    said = done.stdout.decode('utf-8', 'replace')
    tap.check(not COMPLAINTS.search(done.stdout), said)
    return done.returncode, said


class Process:
    """A service that was started, and what it says."""

    def __init__(self, arguments, environment, folder, **options):
        self._process = subprocess.Popen(arguments, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        self._log = bytearray()
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.pid = self._process.pid

    def _read(self):
        while True:
            part = os.read(self._process.stdout.fileno(), 65536)
            with self._news:
                self._log += part
                self._ended = not part
                self._news.notify_all()
            if not part:
                return

    @property
    def text(self):
        return self._log.decode('utf-8', 'replace')

    def wait_for(self, words, since=0):
        """Until the log has @words after its byte @since."""
        with self._news:
            self._news.wait_for(lambda: words.encode() in self._log[since:] or self._ended, 60)
            tap.contains(self._log[since:].decode('utf-8', 'replace'), words)

    def reload(self, words):
        since = len(self._log)
        self._process.send_signal(signal.SIGHUP)
        self.wait_for(words, since)

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self):
        """The exit status, once it has ended and complained of nothing."""
        status = self._process.wait(tap.PATIENCE)
        self._reader.join(tap.PATIENCE)
        self._process.stdout.close()
        tap.check(not COMPLAINTS.search(bytes(self._log)), self.text)
        return status

    def stop(self):
        self._process.terminate()
        return self.wait()

    def is_running(self):
        return self._process.poll() is None

    def end(self):
        if self.is_running():
            self._process.kill()
            self._process.wait(tap.PATIENCE)


def connect(port, timeout=tap.PATIENCE):
    return socket.create_connection(('127.0.0.1', port), timeout)
