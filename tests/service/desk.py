# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service with its private socket in a folder of its own, and the command that controls it.

Environment: TESSERAD, the service under test; TESSERA, the command."""

import base64
import json
import os
import pty
import re
import signal
import subprocess
import threading
import urllib.parse

from workshop import SECRET, Workshop
import tap
from browser import Browser
from tessera_fixture import COMPLAINTS, challenge_of, new_verifier, parameters_of

COMMAND = os.environ['TESSERA']
R1 = 'https://r1.test/'


class Desk(Workshop):
    def __init__(self, more='', users=''):
        super().__init__()
        self.socket = self.path('bus')
        self.issuer = 'http://127.0.0.1:%d' % self.port
        self.text = self.server() + '[dbus]\nsocket=bus\n' + '[resource r1]\nidentifier=%s\n' % R1
        self.text += self.machine('machine', 'introspect=*;\nclient_name=Machine\n') + more
        if users:
            self.write('users', users, 0o600)
            self.text += '[users]\nfile=users\n'

    # Life, also as tap.main() wants it

    def start(self):
        self.write('tessera.conf', self.text)
        self.service = super().start()

    def restart(self):
        tap.equal(self.service.stop(), 0)
        self.start()

    def before_test(self):
        if not self.service.is_running():
            self.start()

    def stop(self):
        try:
            tap.equal(self.service.stop(), 0, self.service.text)
        finally:
            self.abandon()

    def abandon(self):
        self.__exit__(None, None, None)

    # The command

    def command_environment(self, **more):
        environment = self.environment(**{'TESSERA_SOCKET': self.socket, **more})
        for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS', 'XDG_RUNTIME_DIR'):
            if name not in more:
                environment.pop(name, None)
        return {name: value for name, value in environment.items() if value is not None}

    def run(self, *words, said=None, **environment):
        """(exit status, standard output, standard error)"""
        done = subprocess.run([COMMAND, *words], input=said.encode() if said is not None else b'', stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, cwd=self.folder, env=self.command_environment(**environment))
        out, err = done.stdout.decode(), done.stderr.decode()
        tap.check(not COMPLAINTS.search(done.stderr), err)
        tap.check(done.returncode >= 0, 'ended by signal %d: %s' % (-done.returncode, err))
        return done.returncode, out, err

    def say(self, *words, **options):
        """Standard output of what must succeed."""
        status, out, err = self.run(*words, **options)
        tap.equal(status, 0, '%r: %s' % (words, err))
        return out

    def json(self, *words, status=0, **options):
        got, out, err = self.run(*words, '--json', **options)
        tap.equal(got, status, '%r: %s' % (words, err))
        return json.loads(out)

    def fails(self, status, *words, **options):
        """Standard error of what must fail so, and print nothing."""
        got, out, err = self.run(*words, **options)
        tap.equal((got, out), (status, ''), '%r: %s' % (words, err))
        tap.equal(len(err.strip().splitlines()), 1, err)
        return err

    def begin(self, *words, **environment):
        return Running([COMMAND, *words], self.command_environment(**environment), self.folder)

    def at_terminal(self, words, answers=(), at_end=None):
        """At a terminal: (exit status, what it showed). @answers: (what is waited for, what is typed then or a function to call)"""
        return at_terminal([COMMAND, *words], answers, self.command_environment(), self.folder, at_end=at_end)

    # What people and clients do meanwhile

    def http(self, method, path, fields=None, basic=None):
        browser = Browser(self.issuer)
        headers = {'Accept': 'application/json'}
        if basic is not None:
            headers['Authorization'] = 'Basic ' + base64.b64encode(':'.join(basic).encode()).decode()
        if fields is None:
            return browser.request(method, path, None, headers)
        return browser.post(path, fields, headers | {'Origin': None})

    def machine_token(self, client_id, secret, status=200, **fields):
        answer = self.http('POST', '/token', {'grant_type': 'client_credentials', **fields}, (client_id, secret))
        tap.equal(answer.status, status, repr(answer))
        return answer.json().get('access_token')

    def sign_in(self, client, username, password, browser=None):
        """A login by code in a browser: the answer of the token endpoint. @client: (id, secret or None, redirect_uri)."""
        client_id, secret, redirect_uri = client
        verifier = new_verifier()
        query = {'response_type': 'code', 'client_id': client_id, 'redirect_uri': redirect_uri, 'state': 'S',
                 'code_challenge': challenge_of(verifier), 'code_challenge_method': 'S256'}
        browser = browser or Browser(self.issuer)
        last = browser.authorize(self.issuer + '/authorize?' + urllib.parse.urlencode(query), username, password)
        tap.equal(last.status, 303, repr(last))
        fields = {'grant_type': 'authorization_code', 'code': parameters_of(last.location)['code'], 'redirect_uri': redirect_uri,
                  'code_verifier': verifier}
        if secret is None:
            fields['client_id'] = client_id
        answer = self.http('POST', '/token', fields, (client_id, secret) if secret else None)
        tap.equal(answer.status, 200, repr(answer))
        return answer.json()

    def refresh(self, client, refresh_token):
        """The status of a refresh."""
        client_id, secret, _ = client
        fields = {'grant_type': 'refresh_token', 'refresh_token': refresh_token}
        if secret is None:
            fields['client_id'] = client_id
        return self.http('POST', '/token', fields, (client_id, secret) if secret else None).status

    def is_active(self, token):
        """What a resource server that asks is told."""
        answer = self.http('POST', '/introspect', {'token': token}, ('machine', SECRET))
        tap.equal(answer.status, 200, repr(answer))
        return answer.json()['active']

    def add_app(self, name='Reader', *words):
        """A public client with a loopback redirect URI: (id, None, redirect_uri)."""
        uri = 'http://127.0.0.1:9/cb'
        added = self.json('client', 'add', '--name', name, '--public', '--application-type', 'native', '--redirect-uri', uri,
                          '--grant-type', 'authorization_code', '--grant-type', 'refresh_token', *words)
        return added['client_id'], None, uri

    def add_user(self, username, password):
        self.say('user', 'add', username, said=password + '\n')


def at_terminal(command, answers, environment, folder, uid=None, at_end=None):
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(folder)
        if uid is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        os.execve(command[0], command, environment)
    shown = b''
    try:
        for question, answer in answers:
            while question.encode() not in shown:
                shown += os.read(master, 4096)
            if callable(answer):
                answer()
            else:
                os.write(master, answer.encode() + b'\n')
        while True:
            part = os.read(master, 4096)
            if not part:
                break
            shown += part
    except OSError:  # the terminal is gone
        pass
    _, status = os.waitpid(pid, 0)
    if at_end is not None:
        at_end(master)
    os.close(master)
    tap.check(not COMPLAINTS.search(shown), shown)
    return os.waitstatus_to_exitcode(status), shown.decode()


class Running:
    """A command that goes on, and what it says."""

    def __init__(self, arguments, environment, folder):
        self._process = subprocess.Popen(arguments, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE)
        self._said = {'out': bytearray(), 'err': bytearray()}
        self._ended = set()
        self._news = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in (('out', self._process.stdout), ('err', self._process.stderr))]
        for reader in self._readers:
            reader.start()
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(tap.PATIENCE)
        for reader in self._readers:
            reader.join(tap.PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            pipe.close()

    def _read(self, name, pipe):
        while True:
            part = os.read(pipe.fileno(), 65536)
            with self._news:
                self._said[name] += part
                if not part:
                    self._ended.add(name)
                self._news.notify_all()
            if not part:
                return

    def text(self, name='out'):
        return self._said[name].decode()

    def wait_for(self, pattern, name='out'):
        """The match of @pattern in what it says."""
        with self._news:
            self._news.wait_for(lambda: re.search(pattern, self.text(name)) or name in self._ended, 60)
        match = re.search(pattern, self.text(name))
        tap.check(match, '%r is not in %r (%r)' % (pattern, self.text(name), self.text('err')))
        return match

    def write(self, text):
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def end_input(self):
        self._process.stdin.close()

    def interrupt(self):
        self._process.send_signal(signal.SIGINT)

    def wait(self):
        status = self._process.wait(tap.PATIENCE)
        for reader in self._readers:
            reader.join(tap.PATIENCE)
        tap.check(not COMPLAINTS.search(bytes(self._said['err'])), self.text('err'))
        return status
