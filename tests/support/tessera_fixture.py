# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real service with real SQLite, on a free port of loopback, and what tests say to it.

Environment: TESSERAD, the binary under test (a build with sanitizers that follows TESSERA_TEST_CLOCK).
Standard library only. TESSERA_KEEP=1 keeps the directory of a run, for a look at its log."""

import base64
import ctypes
import ctypes.util
import hashlib
import itertools
import json
import os
import random
import re
import resource
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse

import ports
import tap
from browser import Browser, Response
from ports import free_port

R1 = 'https://r1.test/'
R2 = 'https://r2.test/'
R3 = 'urn:test:r3'
GRANTS = 'authorization_code;refresh_token;client_credentials;'
PASSWORDS = {'alice': 'alice-canary-Pw1', 'bob': 'bob-canary-Pw2', 'eve': 'eve-canary-Pw3'}
FORM = 'application/x-www-form-urlencoded'
# What GLib and the sanitizers print when something is wrong inside.
COMPLAINTS = re.compile(rb'CRITICAL|(?:GLib|GObject|GIO|libsoup)[A-Za-z-]*-WARNING|AddressSanitizer|LeakSanitizer|runtime error:|assertion .* failed|ERROR:.*:')


class Client:
    """One registered client, as the configuration says it and as it authenticates itself."""

    def __init__(self, client_id, method='client_secret_basic', redirect_uri=None, secret=None, **keys):
        self.id = client_id
        self.method = method
        self.secret = None if method == 'none' else secret or 'sec-canary-' + secrets.token_urlsafe(32)
        self.redirect_uri = redirect_uri
        self.keys = keys

    def __repr__(self):
        return '<client %s>' % self.id

    def basic(self, secret=None, client_id=None):
        """RFC 6749 section 2.3.1: both form-urlencoded first."""
        pair = '%s:%s' % (urllib.parse.quote_plus(client_id or self.id), urllib.parse.quote_plus(secret or self.secret))
        return 'Basic ' + base64.b64encode(pair.encode()).decode()

    def authenticate(self, fields, headers):
        if self.method in ('client_secret_basic', None):
            headers.setdefault('Authorization', self.basic())
        elif self.method == 'client_secret_post':
            fields += [('client_id', self.id), ('client_secret', self.secret)]
        else:
            fields.append(('client_id', self.id))

    def configuration(self, directory):
        lines = ['[client %s]' % self.id, 'client_name=%s' % self.keys.get('client_name', 'Client ' + self.id)]
        if self.redirect_uri is not None:
            lines.append('redirect_uris=%s' % self.keys.get('redirect_uris', self.redirect_uri + ';'))
        if self.method is not None:
            lines.append('token_endpoint_auth_method=%s' % self.method)
        if self.secret is not None:
            path = os.path.join(directory, 'secret-' + hashlib.sha256(self.id.encode()).hexdigest()[:16])
            write_private(path, self.secret)
            lines.append('client_secret_file=%s' % path)
        for key, value in self.keys.items():
            if key not in ('client_name', 'redirect_uris') and value is not None:
                lines.append('%s=%s' % (key, value))
        return '\n'.join(lines) + '\n'


def default_clients():
    both = dict(scope='a b', grant_types=GRANTS, resources='%s;%s;' % (R1, R2), audience=R1 + ';')
    public = dict(scope='a b', grant_types='authorization_code;refresh_token;', resources=R1 + ';', audience=R1 + ';')
    return [
        Client('c1', redirect_uri='https://c1.test/cb', **both),
        Client('c2', redirect_uri='https://c2.test/cb', **both),
        # Two redirect URIs, one with a query of its own.
        Client('m1', redirect_uri='https://m1.test/cb?x=1', redirect_uris='https://m1.test/cb?x=1;https://m1.test/other;', **both),
        Client('post1', method='client_secret_post', redirect_uri='https://post1.test/cb', **both),
        # No registered method: basic or post, one a request.
        Client('any1', method=None, redirect_uri='https://any1.test/cb', **both),
        Client('p1', method='none', redirect_uri='http://127.0.0.1/cb', application_type='native',
               redirect_uris='http://127.0.0.1/cb;http://[::1]/cb;com.example.app:/cb;', **public),
        Client('spa', method='none', redirect_uri='https://spa.test/cb', **public),
        Client('legacy', redirect_uri='https://legacy.test/cb', require_pkce='false', **both),
        Client('first', redirect_uri='https://first.test/cb', first_party='true', **both),
        Client('machine', scope='a b', grant_types='client_credentials;', resources=R1 + ';', audience=R1 + ';'),
        Client('nocc', redirect_uri='https://nocc.test/cb', scope='a b', grant_types='authorization_code;', audience=R1 + ';'),
        Client('noac', redirect_uri='https://noac.test/cb', scope='a b', grant_types='client_credentials;', audience=R1 + ';', resources=R1 + ';'),
        # An id and a secret that need care in Basic.
        Client('odd client', secret=':%+ é' + secrets.token_urlsafe(40), scope='a', grant_types='client_credentials;', audience=R1 + ';', resources=R1 + ';'),
        Client('short', scope='a', grant_types='client_credentials;', access_token_lifetime='60', audience=R1 + ';', resources=R1 + ';'),
        Client('plain', scope='a', grant_types='client_credentials;'),
        Client('rs1', scope='a', grant_types='client_credentials;', introspect=R1 + ';'),
        Client('rs2', scope='a', grant_types='client_credentials;', introspect=R2 + ';'),
        Client('rsall', scope='a', grant_types='client_credentials;', introspect='*;'),
    ]


def server_lines(said=''):
    """What every test service has in [server]: with TESSERA_TEST_DIRECT=1 its front door answers programs itself.
    What a test has @said of that is left as it is."""
    direct = os.environ.get('TESSERA_TEST_DIRECT') == '1' and 'direct-endpoints' not in said
    return 'direct-endpoints=true\n' if direct else ''


def write_private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as file:
        file.write(text)


def hash_password(password):
    """crypt(3), yescrypt at the lowest cost."""
    library = ctypes.CDLL(ctypes.util.find_library('crypt') or 'libcrypt.so.1')
    library.crypt_gensalt.restype = library.crypt.restype = ctypes.c_char_p
    salt = library.crypt_gensalt(b'$y$', 1, None, 0)
    return library.crypt(password.encode(), salt).decode()


_hashes = {}


def password_line(name, password, claims=None):
    if (name, password) not in _hashes:
        _hashes[name, password] = hash_password(password)
    known = ':' + json.dumps(claims) if claims is not None else ''
    return '%s:%s%s\n' % (name, _hashes[name, password], known)


def b64url(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def new_verifier():
    return secrets.token_urlsafe(32)


def challenge_of(verifier):
    return b64url(hashlib.sha256(verifier.encode()).digest())


def claims_of(token):
    return json.loads(unb64url(token.split('.')[1]))


def header_of(token):
    return json.loads(unb64url(token.split('.')[0]))


def parameters_of(url):
    """The query of a redirect; a repeated parameter is an error."""
    pairs = urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    tap.equal(len(dict(pairs)), len(pairs), 'parameters of %s' % url)
    return dict(pairs)


class FaultyFiles:
    """What the disk of a service refuses: the control block of tests/support/faulty-files.h."""

    WRITE, SYNC, NAME = 1, 2, 4

    def __init__(self, path):
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.path = path
        self.heal()

    def _write(self, *numbers):
        os.pwrite(self._fd, struct.pack('=%di' % len(numbers), *numbers), 4)

    def fail(self, kinds, error, skip=0, count=-1, torn=False, delay_ms=0):
        """Of the calls of these @kinds from now on, @skip succeed and the @count (-1: all) after them fail."""
        self._set_kinds(0)
        self._write(error, skip, count, int(torn), delay_ms, 0)
        self._set_kinds(kinds)

    def delay_syncs(self, milliseconds):
        os.pwrite(self._fd, struct.pack('=i', milliseconds), 20)

    def heal(self):
        self._set_kinds(0)
        self._write(0, 0, 0, 0, 0, 0)

    def _set_kinds(self, kinds):
        os.pwrite(self._fd, struct.pack('=i', kinds), 0)

    def seen(self):
        """How many calls were counted since fail ()."""
        return struct.unpack('=i', os.pread(self._fd, 4, 24))[0]

    def close(self):
        os.close(self._fd)


class Service:
    def __init__(self, issuer=None, clients=None, users=None, sections='', server='', endpoints='', issuer_path='', listener=''):
        self._given_issuer = issuer
        self._issuer_path = issuer_path
        self._take_port()
        self.prefix = urllib.parse.urlsplit(self.issuer).path
        self.directory = tempfile.mkdtemp(prefix='tessera-test-')
        self.state = os.path.join(self.directory, 'state')
        self.config = os.path.join(self.directory, 'tessera.conf')
        self.users_file = os.path.join(self.directory, 'users')
        self.clock_file = os.path.join(self.directory, 'clock')
        self.runtime = os.path.join(self.directory, 'run')
        self.files = FaultyFiles(os.path.join(self.directory, 'files'))
        self.clients = {client.id: client for client in (clients if clients is not None else default_clients())}
        self.users = dict(PASSWORDS if users is None else users)
        self.known = {}  # name: what the file says of the person
        self.sections = sections
        self.server = server  # more lines of [server]
        self.endpoints = endpoints
        self.listener = listener
        self.offset_ms = 0
        self.process = None
        self.log = bytearray()
        self.own_session = False  # True: no signal from a terminal reaches it
        self._reader = None
        self._sources = itertools.count(random.randrange(1, 60000))
        self.source = '127.0.0.1'
        self._browsers = {}
        self._exits = []
        self._write_clock()

    def _take_port(self):
        self.port = free_port()
        self.issuer = self._given_issuer or 'http://127.0.0.1:%d%s' % (self.port, self._issuer_path)

    # Configuration

    def __getattr__(self, name):
        clients = self.__dict__.get('clients', {})
        if name in clients:
            return clients[name]
        raise AttributeError(name)

    def write_configuration(self):
        write_private(self.users_file, ''.join(password_line(name, password, self.known.get(name)) for name, password in self.users.items()))
        text = '[server]\nissuer=%s\nstate-directory=%s\n%s%s\n' % (self.issuer, self.state, server_lines(self.server), self.server)
        text += '[listener main]\naddress=127.0.0.1:%d\n%s\n' % (self.port, self.listener)
        text += '[users]\nfile=%s\n\n' % self.users_file
        if self.endpoints:
            text += '[endpoints]\n%s\n' % self.endpoints
        if '[resource' not in self.sections:
            text += '[resource r1]\nidentifier=%s\n\n[resource r2]\nidentifier=%s\n\n[resource r3]\nidentifier=%s\n\n' % (R1, R2, R3)
        if '[audit]' not in self.sections:
            text += '[audit]\nrate=0\n\n'  # tests look for each line
        text += self.sections + '\n'
        text += '\n'.join(client.configuration(self.directory) for client in self.clients.values())
        write_private(self.config, text)

    # Life

    def start(self, wait=True):
        """With the configuration of now; if another program took the port meanwhile, on another one."""
        self.write_configuration()
        try:
            return self.start_again(wait)
        except RuntimeError:
            if b'in use' not in self.log or self._exits:
                raise
        self._collect()
        self._take_port()
        self.write_configuration()
        return self.start_again(wait)

    def environment(self):
        environment = dict(os.environ)
        environment.update(
            G_DEBUG='fatal-criticals',
            TESSERA_TEST_CLOCK=self.clock_file,
            TESSERA_TEST_FILES=self.files.path,
            RUNTIME_DIRECTORY=self.runtime,
            ASAN_OPTIONS=environment.get('ASAN_OPTIONS', 'detect_leaks=1:abort_on_error=0'),
            UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1',
            G_MESSAGES_DEBUG='all' if environment.get('TESSERA_VERBOSE') else '',
            LC_ALL='C.UTF-8',
        )
        environment.pop('DBUS_SESSION_BUS_ADDRESS', None)
        return environment

    def start_again(self, wait=True):
        binary = os.environ['TESSERAD']
        self.process = subprocess.Popen(
            [binary, '--config', self.config], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=self.environment(), cwd=self.directory, start_new_session=self.own_session)
        self._reader = threading.Thread(target=self._read_log, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        if wait:
            self.wait_ready()
        return self

    def run_check(self):
        """tesserad --check-config: (exit status, what it said)."""
        self.write_configuration()
        done = subprocess.run([os.environ['TESSERAD'], '--check-config', '--config', self.config], env=self.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=tap.PATIENCE)
        return done.returncode, done.stdout.decode('utf-8', 'replace')

    def _read_log(self, pipe):
        while True:
            part = os.read(pipe.fileno(), 65536)
            if not part:
                return
            self.log += part

    def wait_ready(self):
        deadline = time.monotonic() + tap.PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self._reader.join(tap.PATIENCE)
                raise RuntimeError('exit status %d:\n%s' % (self.process.returncode, self.log.decode('utf-8', 'replace')))
            try:
                if self.request('GET', '/.well-known/oauth-authorization-server' + self.prefix).status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError('not ready in time:\n%s' % self.log.decode('utf-8', 'replace'))

    def _collect(self, timeout=tap.PATIENCE):
        status = self.process.wait(timeout)
        self._reader.join(tap.PATIENCE)
        self.process.stdout.close()
        self.process = None
        self._exits.append(status)
        return status

    def terminate(self):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self._collect()

    def kill(self):
        self.process.kill()
        self._collect()

    def restart(self):
        tap.equal(self.terminate(), 0, 'exit status')
        self.start_again()

    def reload(self):
        """Writes the configuration anew, SIGHUP, and waits until the log says that it was read."""
        before = len(self.log)
        self.write_configuration()
        self.process.send_signal(signal.SIGHUP)
        tap.until(lambda: re.search(rb'reloaded the configuration|the configuration stays', bytes(self.log[before:])),
                  'a word about the reload in the log')

    def stop(self):
        """The last test of a file."""
        try:
            if self.process is not None:
                alive = self.process.poll() is None
                status = self.terminate() if alive else self._collect()
                tap.equal(status, 0, 'exit status')
            self.check_log()
        except BaseException:
            print('\n'.join('# log: ' + line for line in self.log.decode('utf-8', 'replace').splitlines()[-60:]))
            raise
        finally:
            self.abandon()

    def check_log(self):
        found = COMPLAINTS.search(bytes(self.log))
        if found:
            start = max(0, found.start() - 200)
            raise tap.Failure('the service complained: ' + self.log[start:start + 4000].decode('utf-8', 'replace'))

    def abandon(self):
        if self.process is not None:
            self.process.kill()
            self._collect()
        if os.environ.get('TESSERA_KEEP'):
            with open(os.path.join(self.directory, 'log'), 'wb') as file:
                file.write(bytes(self.log))
            print('# kept %s' % self.directory)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def before_test(self):
        """Each test comes from an address of its own, so that throttles of one test do not meet another."""
        self.source = self.new_source()
        if self.process is None or self.process.poll() is not None:
            if self.process is not None:
                print('# the service ended with %s' % self._collect())
            self.start()

    def new_source(self):
        number = next(self._sources)
        return '127.%d.%d.%d' % (1 + number // 62500 % 250, number // 250 % 250, 1 + number % 250)

    # Log

    def sync_log(self):
        """Returns when all that was logged until now has been read."""
        marker = 'marker-' + secrets.token_hex(8)
        self.get(self.prefix + '/authorize?client_id=' + marker)  # there is no such client
        tap.until(lambda: marker.encode() in self.log, marker + ' in the log', 0.002)

    def log_lines(self):
        self.sync_log()
        return self.log.decode('utf-8', 'replace').splitlines()

    # Time

    def _write_clock(self):
        fd = os.open(self.clock_file, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(fd, struct.pack('=q', self.offset_ms), 0)
        os.close(fd)

    def advance(self, seconds):
        self.offset_ms += int(seconds * 1000)
        self._write_clock()

    def now(self):
        return time.time() + self.offset_ms / 1000

    # HTTP

    def request(self, method, target, body=None, headers=None, source=None):
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = urllib.parse.urlencode(body)
            headers.setdefault('Content-Type', FORM)
        if isinstance(body, str):
            body = body.encode()
        connection = ports.HTTPConnection('127.0.0.1', self.port, source or self.source, timeout=tap.PATIENCE)
        try:
            try:
                connection.request(method, target, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all was sent: the answer is there to read
            answer = connection.getresponse()
            data = answer.read()
            return Response(target, answer.status, answer.getheaders(), data)
        finally:
            connection.close()

    def get(self, target, headers=None, **options):
        return self.request('GET', target, None, headers, **options)

    def raw(self, data, timeout=tap.PATIENCE, shutdown=False):
        """Sends bytes as they are; everything that came back until the end, a reset or @timeout."""
        with ports.create_connection(('127.0.0.1', self.port), timeout, self.source) as connection:
            got = b''
            try:
                connection.sendall(data)
                if shutdown:
                    connection.shutdown(socket.SHUT_WR)
                while True:
                    part = connection.recv(65536)
                    if not part:
                        break
                    got += part
            except (ConnectionError, socket.timeout):
                pass
            return got

    def form(self, path, fields, client=None, headers=None, **options):
        """POST of a form with the authentication of @client."""
        if isinstance(fields, dict):
            fields = [(key, value) for key, value in fields.items() if value is not None]
        headers = dict(headers or {})
        if not isinstance(fields, (str, bytes)):
            fields = list(fields)
        if client is not None:
            client.authenticate(fields, headers)
        if isinstance(fields, list):
            fields = urllib.parse.urlencode(fields)
        headers.setdefault('Content-Type', FORM)
        return self.request('POST', self.prefix + path, fields, headers, **options)

    # OAuth

    def authorization_url(self, client=None, *, extra='', **changes):
        """AZ(...): the base parameters changed; None leaves one out. @extra is appended as it is."""
        client = client or self.c1
        fields = {
            'response_type': 'code',
            'client_id': client.id,
            'redirect_uri': client.redirect_uri,
            'scope': 'a',
            'state': 'S',
            'code_challenge': challenge_of(new_verifier()),
            'code_challenge_method': 'S256',
        }
        fields.update(changes)
        pairs = [(key, value) for key, value in fields.items() if value is not None]
        return self.prefix + '/authorize?' + urllib.parse.urlencode(pairs, doseq=True) + extra

    def az(self, client=None, headers=None, **changes):
        """One GET of it, without cookies."""
        return self.get(self.authorization_url(client, **changes), headers)

    def browser(self, username='alice', source=None):
        """One that is signed in as @username; kept between calls."""
        if username not in self._browsers:
            browser = self.new_browser()
            last = browser.authorize(self.authorization_url(), username, self.users[username])
            tap.check(last.status == 303 and last.location.startswith(self.c1.redirect_uri), 'login of %s failed: %r' % (username, last))
            self._browsers[username] = browser
        browser = self._browsers[username]
        browser.source = source or self.source
        return browser

    def new_browser(self, **options):
        return Browser(self.issuer, ('127.0.0.1', self.port), source=self.source, **options)

    def forget_browsers(self):
        self._browsers.clear()

    def approve(self, client=None, username='alice', decision='allow', browser=None, **changes):
        """Parameters of the redirect that answers an authorization request."""
        client = client or self.c1
        browser = browser or self.browser(username)
        last = browser.authorize(self.authorization_url(client, **changes), username, self.users[username], decision)
        tap.check(last.status in (302, 303), 'no redirect to the client: %r' % last)
        return parameters_of(last.location)

    def code(self, client=None, username='alice', **changes):
        """(code, code_verifier)"""
        verifier = new_verifier()
        changes.setdefault('code_challenge', challenge_of(verifier))
        answer = self.approve(client, username, **changes)
        tap.check('code' in answer, 'no code: %r' % answer)
        return answer['code'], verifier

    def redeem(self, client, code, verifier, auth=True, headers=None, source=None, **changes):
        fields = {'grant_type': 'authorization_code', 'code': code, 'redirect_uri': client.redirect_uri, 'code_verifier': verifier}
        fields.update(changes)
        return self.form('/token', fields, client if auth else None, headers, source=source)

    def tokens(self, client=None, username='alice', redeem=None, **changes):
        """A whole code flow; the answer of the token endpoint as a dictionary."""
        client = client or self.c1
        code, verifier = self.code(client, username, **changes)
        more = dict(redeem or {})
        if 'redirect_uri' in changes:
            more.setdefault('redirect_uri', changes['redirect_uri'])
        answer = self.redeem(client, code, verifier, **more)
        tap.equal(answer.status, 200, 'token endpoint said %r' % answer.body)
        return answer.json()

    def client_credentials(self, client=None, headers=None, source=None, **changes):
        fields = {'grant_type': 'client_credentials', 'scope': 'a'}
        fields.update(changes)
        return self.form('/token', fields, client or self.c1, headers, source=source)

    def machine_token(self, client=None, **changes):
        answer = self.client_credentials(client or self.c1, **changes)
        tap.equal(answer.status, 200, 'token endpoint said %r' % answer.body)
        return answer.json()['access_token']

    def refresh(self, refresh_token, client=None, source=None, **changes):
        fields = {'grant_type': 'refresh_token', 'refresh_token': refresh_token}
        fields.update(changes)
        return self.form('/token', fields, client or self.c1, source=source)

    def revoke(self, token, client=None, hint=None, **options):
        return self.form('/revoke', {'token': token, 'token_type_hint': hint}, client or self.c1, **options)

    def introspect(self, token, client=None, hint=None, **options):
        return self.form('/introspect', {'token': token, 'token_type_hint': hint}, client or self.rsall, **options)

    def is_active(self, token, client=None):
        answer = self.introspect(token, client)
        tap.equal(answer.status, 200, 'introspection said %r' % answer.body)
        active = answer.json()['active']
        if not active:
            tap.equal(answer.body, b'{"active":false}', 'what an inactive token is told of')
        return active

    # What is on disk

    def signing_keys(self):
        """{kid: PEM} of the private keys in the state directory."""
        found = {}
        for folder, _, names in os.walk(self.state):
            for name in names:
                if name.endswith('.pem'):
                    with open(os.path.join(folder, name), encoding='ascii') as file:
                        found[name[:-4]] = file.read()
        return found

    def database_copy(self):
        """The database as it is on disk now, opened from a copy (the service holds it exclusively)."""
        import sqlite3
        target = tempfile.mkdtemp(dir=self.directory)
        for name in os.listdir(self.state):
            if name.startswith('tessera.db') and not name.endswith('-shm'):
                shutil.copy(os.path.join(self.state, name), target)
        return sqlite3.connect(os.path.join(target, 'tessera.db'))

    def edit_database(self, sql):
        """As somebody who knows what he does: the checksum of each page is made good afterwards."""
        path = os.path.join(self.state, 'tessera.db')
        edit_database(path, sql)

    def limit_file_size(self, limit):
        """RLIMIT_FSIZE of the running service: with 0 every write to a file fails (None: lifted)."""
        value = resource.RLIM_INFINITY if limit is None else limit
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (value, resource.RLIM_INFINITY))


def edit_database(path, sql):
    import sqlite3
    connection = sqlite3.connect(path)
    try:
        connection.executescript(sql)
    finally:
        connection.close()
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    size = int.from_bytes(data[16:18], 'big')
    for at in range(0, len(data), size):
        data[at + size - 8:at + size] = struct.pack('<Q', sum_page(data[at:at + size - 8], at))
    with open(path, 'r+b') as file:
        file.write(data)


def sum_page(page, offset):
    """As in store/tessera-checked-vfs.c."""
    total = 0xcbf29ce484222325 ^ offset
    for word, in struct.iter_unpack('<Q', page):
        total = (total ^ word) * 0x9e3779b97f4a7c15 & 0xffffffffffffffff
        total ^= total >> 32
    return total


# What a refusal looks like (the notation of the threat table).

def expect_page_400(response):
    """P400: an error page, no redirect."""
    tap.equal(response.status, 400, 'P400 of %r' % response)
    tap.equal(response.location, None, 'Location')
    tap.check((response.header('Content-Type') or '').startswith('text/html'), 'not HTML: %r' % response)
    return response


def expect_redirect_error(service, response, error, redirect_uri=None, state='S'):
    """RE:error: a redirect to the registered URI with error, state and iss."""
    tap.check(response.status in (302, 303), 'RE:%s wanted, got %r' % (error, response))
    redirect_uri = redirect_uri or service.c1.redirect_uri
    tap.check(response.location.startswith(redirect_uri), 'redirect to %s' % response.location)
    tap.lacks(response.location, '#')
    answer = parameters_of(response.location)
    tap.equal(answer.get('error'), error, response.location)
    tap.equal(answer.get('iss'), service.issuer, 'iss')
    tap.equal(answer.get('state'), state, 'state')
    tap.lacks(answer, 'code')
    check_description(answer.get('error_description', ''))
    return answer


def check_description(text):
    """RFC 6749 section 5.2: %x20-21 / %x23-5B / %x5D-7E."""
    tap.check(re.fullmatch(r'[\x20-\x21\x23-\x5b\x5d-\x7e]*', text), 'error_description %r' % text)


def expect_error(response, error, status=400):
    """E:error: JSON, no-store."""
    tap.equal(response.status, status, 'E:%s of %r' % (error, response))
    tap.check((response.header('Content-Type') or '').startswith('application/json'), 'not JSON: %r' % response)
    tap.equal(response.header('Cache-Control'), 'no-store', 'Cache-Control')
    body = response.json()
    tap.equal(body.get('error'), error, repr(body))
    check_description(body.get('error_description', ''))
    tap.lacks(body, 'access_token')
    return body


def expect_client_refused(response):
    """401c"""
    expect_error(response, 'invalid_client', 401)
    tap.check((response.header('WWW-Authenticate') or '').startswith('Basic '), 'WWW-Authenticate: %r' % response)


def expect_proceeds(service, response):
    """Neither an error nor an answer to the client: on to login or consent."""
    if response.status in (302, 303):
        tap.check(urllib.parse.urljoin(service.issuer + '/', response.location).startswith(service.issuer + '/'), 'redirect to %s' % response.location)
    else:
        tap.equal(response.status, 200, 'on to login: %r' % response)
        tap.check((response.header('Content-Type') or '').startswith('text/html'), 'not HTML: %r' % response)


def in_parallel(count, function):
    """@function (number) in @count threads at once; their results."""
    results = [None] * count
    gate = threading.Barrier(count)

    def work(number):
        gate.wait()
        results[number] = function(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
