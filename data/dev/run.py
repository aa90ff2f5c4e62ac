#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a development directory and runs tesserad there in the foreground (`./dev run`).

The directory holds configuration, keys and state of one port, all of it 0600 or 0700, and is used again
by the next start. Without --once it prints lines to paste and waits; with --once it takes those steps
itself in a directory that is removed afterwards."""
import argparse
import base64
import ctypes
import hashlib
import http.server
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests/support'))
from browser import Browser  # noqa: E402
from ports import free_port  # noqa: E402

HOST = '127.0.0.1'
PORT = 8417
SERVICE, APPLICATION, USER = 'service', 'app', 'alice'
RESOURCE = 'https://api.example/'

CONFIGURATION = """\
# Written by ./dev run at every start.
[server]
issuer={issuer}
state-directory={directory}/state

[listener main]
address={host}:{port}
{tls}
[resource api]
identifier={resource}
scopes=api:read;api:write;

[users]
file={directory}/users

# Confidential: asks for tokens of its own, and may introspect any.
[client {service}]
client_name=Development service
client_secret_file={directory}/{service}.secret
token_endpoint_auth_method=client_secret_basic
grant_types=client_credentials;
scope=api:read api:write
resources={resource};
audience={resource};
introspect=*;

# Public: a native application, any port of loopback.
[client {application}]
client_name=Development application
application_type=native
token_endpoint_auth_method=none
redirect_uris=http://127.0.0.1/callback;
grant_types=authorization_code;refresh_token;
scope=api:read api:write
resources={resource};
audience={resource};
"""


class Problem(Exception):
    """A sentence for the person at the terminal."""


def write_private(path, text):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, 'w', encoding='utf-8') as stream:
        stream.write(text)


def read_or_make(path, make):
    """A secret that outlives the start."""
    if not path.exists():
        write_private(path, make())
    return path.read_text(encoding='utf-8')


def hash_password(password):
    """crypt(3) with yescrypt; Python's own binding is gone from newer releases."""
    library = ctypes.CDLL('libcrypt.so.1')
    library.crypt_gensalt.restype = library.crypt.restype = ctypes.c_char_p
    salt = library.crypt_gensalt(b'$y$', 0, None, 0)
    return library.crypt(password.encode(), salt).decode()


def make_certificate(directory):
    key, certificate = directory / 'key.pem', directory / 'certificate.pem'
    if key.exists() and certificate.exists():
        return
    command = ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
               '-days', '365', '-subj', '/CN=localhost', '-keyout', str(key), '-out', str(certificate),
               '-addext', 'subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost',
               '-addext', 'keyUsage=critical,digitalSignature,keyCertSign']
    run = subprocess.run(command, capture_output=True, text=True, umask=0o077)
    if run.returncode != 0:
        raise Problem(f'openssl could not make a certificate:\n{run.stderr}')


class Development:
    """One development directory and the service that runs in it."""

    def __init__(self, tesserad, directory, port, tls):
        self.tesserad = tesserad
        self.directory = directory
        self.port = port
        self.tls = tls
        self.issuer = f'{"https" if tls else "http"}://{HOST}:{port}'
        self.process = None

    def prepare(self):
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.secret = read_or_make(self.directory / f'{SERVICE}.secret', lambda: secrets.token_urlsafe(32))
        self.password = read_or_make(self.directory / f'{USER}.password', lambda: secrets.token_urlsafe(9))
        write_private(self.directory / f'{SERVICE}.netrc', f'machine {HOST} login {SERVICE} password {self.secret}\n')
        write_private(self.directory / 'users', f'{USER}:{hash_password(self.password)}\n')
        if self.tls:
            make_certificate(self.directory)
        write_private(self.configuration, CONFIGURATION.format(
            issuer=self.issuer, directory=self.directory, host=HOST, port=self.port, resource=RESOURCE,
            service=SERVICE, application=APPLICATION, tls=self.tls_lines()))

    @property
    def configuration(self):
        return self.directory / 'tessera.conf'

    def tls_lines(self):
        if not self.tls:
            return ''
        return f'certificate={self.directory}/certificate.pem\nprivate-key={self.directory}/key.pem\n'

    def tls_context(self):
        return ssl.create_default_context(cafile=str(self.directory / 'certificate.pem')) if self.tls else None

    def start(self, log=None):
        # Its own session, so that Ctrl-C reaches this script alone and the stop is in order.
        self.process = subprocess.Popen(
            [str(self.tesserad), '--config', str(self.configuration)], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent)
        self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Problem(f'tesserad ended at once with status {self.process.returncode}.')
            try:
                self.metadata = self.request(metadata_address(self.issuer)).json()
                return
            except OSError:
                time.sleep(0.02)
        raise Problem('tesserad did not answer within a minute.')

    def stop(self):
        """Returns the exit status; what does not stop in order is ended."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def request(self, url, fields=None, client=False):
        """GET, or POST of a form; @client: authenticated as the confidential client."""
        data = None if fields is None else urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(url, data=data)
        if client:
            pair = base64.b64encode(f'{SERVICE}:{self.secret}'.encode()).decode()
            request.add_header('Authorization', f'Basic {pair}')
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.tls_context()) as answer:
                return Answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read())


class Answer:
    def __init__(self, status, body):
        self.status = status
        self.body = body

    def json(self):
        return json.loads(self.body) if self.body else {}


class Login:
    """One code + PKCE request of the public client, and the loopback listener its answer comes back to."""

    def __init__(self, development, redirect_uri):
        self.development = development
        self.redirect_uri = redirect_uri
        self.state = secrets.token_urlsafe(12)
        self.verifier = secrets.token_urlsafe(32)

    def address(self):
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            'response_type': 'code', 'client_id': APPLICATION, 'redirect_uri': self.redirect_uri,
            'scope': 'api:read', 'state': self.state, 'code_challenge_method': 'S256',
            'code_challenge': base64.urlsafe_b64encode(digest).rstrip(b'=').decode(),
        }
        return f'{self.development.metadata["authorization_endpoint"]}?{urllib.parse.urlencode(query)}'

    def token_request(self, code):
        return {'grant_type': 'authorization_code', 'client_id': APPLICATION, 'code': code,
                'redirect_uri': self.redirect_uri, 'code_verifier': self.verifier}


def metadata_address(issuer):
    return f'{issuer}/.well-known/oauth-authorization-server'


def die_with_parent():
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def check_port(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise Problem(f'Port {port} needs root; choose one from 1024 on: ./dev run --port 8418') from None
        except OSError:
            raise Problem(f'Port {port} of {HOST} is taken. Stop the program that listens there, '
                          f'or choose another port: ./dev run --port {port + 1 if port < 65535 else PORT}') from None


# --- In the foreground ----------------------------------------------------------------------------

def curl(development, *arguments):
    trust = ['--cacert', relative(development.directory / 'certificate.pem')] if development.tls else []
    end = [] if '-w' in ' '.join(arguments) else ["-w '\\n'"]  # the answers have no line end of their own
    return ' '.join(['curl', '-sS', *trust, *end, *arguments])


def relative(path):
    return os.path.relpath(path, os.getcwd())


def print_guide(development, login):
    metadata = development.metadata
    netrc = f'--netrc-file {relative(development.directory / f"{SERVICE}.netrc")}'
    token = curl(development, netrc, '-d grant_type=client_credentials -d scope=api:read', metadata['token_endpoint'])
    of_token = '-d token="$TOKEN"'
    introspection = curl(development, netrc, of_token, metadata['introspection_endpoint'])
    steps = [
        ('What the server is (metadata)', curl(development, metadata_address(development.issuer))),
        ('A token for the confidential client', token),
        ('The same, kept for the lines below',
         f'TOKEN=$({token} | sed -E \'s/.*"access_token": *"([^"]*)".*/\\1/\')'),
        (f'A login with code and PKCE, in a browser (user {USER}, password {development.password})', login.address()),
        ('Is the token good? (introspection)', introspection),
        ('Revoke it', curl(development, netrc, of_token, "-w '%{http_code}\\n'", metadata['revocation_endpoint'])),
        ('Is it still good?', introspection),
    ]
    print(f'\ntesserad runs on {development.issuer}. Ctrl-C stops it; its files are in '
          f'{relative(development.directory)}.\nLines to paste into another terminal, from this folder:')
    for title, line in steps:
        print(f'\n# {title}\n{line}')
    print(flush=True)


class Callback(http.server.BaseHTTPRequestHandler):
    """Where the browser comes back to: tells the terminal how to go on."""

    def do_GET(self):
        split = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(split.query))
        if split.path != '/callback' or query.get('state') != self.server.login.state:
            self.send_error(404)
            return
        self.answer()
        if 'code' in query:
            fields = self.server.login.token_request(query['code'])
            arguments = [f'-d {key}={urllib.parse.quote(value, safe="")}' for key, value in fields.items()]
            development = self.server.login.development
            print('\n# The login came back. Tokens for it (within a minute)\n'
                  + curl(development, *arguments, development.metadata['token_endpoint']), flush=True)
        else:
            print(f'\n# The login came back refused: {query.get("error")!r}', flush=True)

    def answer(self):
        body = b'The terminal of ./dev run shows how to go on.\n'
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain; charset=utf-8')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


def listen_for_login(development):
    listener = http.server.ThreadingHTTPServer((HOST, 0), Callback)
    listener.login = Login(development, f'http://{HOST}:{listener.server_address[1]}/callback')
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener.login


def stay(development):
    development.prepare()
    try:
        development.start()
        print_guide(development, listen_for_login(development))
        status = development.process.wait()
        raise Problem(f'tesserad ended by itself with status {status}.')
    except KeyboardInterrupt:
        return 0 if development.stop() == 0 else 1
    finally:
        development.stop()


# --- Once -----------------------------------------------------------------------------------------

class Steps:
    """Shows each step with its answer and remembers whether all came out right."""

    def __init__(self):
        self.failed = 0

    def show(self, title, answer, *expectations):
        print(f'\n{title}\n  {answer.status} {shorten(answer.body)}')
        for sentence, holds in expectations:
            print(f'  {"right" if holds else "WRONG"}: {sentence}')
            self.failed += 0 if holds else 1


def shorten(body):
    """JSON with its long strings cut; of a page or nothing, its size."""
    try:
        members = json.loads(body)
    except ValueError:
        return f'({len(body)} bytes)'
    return json.dumps({key: cut(value) for key, value in members.items()}, indent=2, ensure_ascii=False).replace('\n', '\n  ')


def cut(value):
    return value[:24] + '…' if isinstance(value, str) and len(value) > 72 else value


def step_metadata(development, steps):
    answer = development.request(metadata_address(development.issuer))
    steps.show('Metadata', answer, ('the issuer is ours', answer.json().get('issuer') == development.issuer))


def step_token(development, steps):
    fields = {'grant_type': 'client_credentials', 'scope': 'api:read'}
    answer = development.request(development.metadata['token_endpoint'], fields, client=True)
    token = answer.json().get('access_token', '')
    steps.show('A token for the confidential client', answer,
               ('a Bearer token was issued', answer.status == 200 and answer.json().get('token_type') == 'Bearer'),
               ('it is a signed JWT', token.count('.') == 2))
    return token


def step_login(development, steps):
    login = Login(development, f'http://{HOST}:{free_port()}/callback')
    browser = Browser(development.issuer, tls=development.tls_context())
    last = browser.authorize(login.address(), USER, development.password)
    location = last.location or ''
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    steps.show('A login with code and PKCE, through the pages', Answer(last.status, json.dumps(query).encode()),
               ('the browser was sent back to the application', location.startswith(login.redirect_uri + '?')),
               ('with a code', 'code' in query),
               ('with the state it was given', query.get('state') == login.state),
               ('by this issuer', query.get('iss') == development.issuer))
    answer = development.request(development.metadata['token_endpoint'], login.token_request(query.get('code', '')))
    steps.show('The code redeemed', answer,
               ('access token and refresh token', {'access_token', 'refresh_token'} <= set(answer.json())))


def step_introspection(development, steps, token, active):
    answer = development.request(development.metadata['introspection_endpoint'], {'token': token}, client=True)
    steps.show('Introspection' if active else 'Introspection again', answer,
               (f'the token is {"good" if active else "refused"}', answer.json().get('active') is active))


def step_revocation(development, steps, token):
    answer = development.request(development.metadata['revocation_endpoint'], {'token': token}, client=True)
    steps.show('Revocation', answer, ('it is done', answer.status == 200))


def take_steps(development, steps):
    step_metadata(development, steps)
    token = step_token(development, steps)
    step_login(development, steps)
    step_introspection(development, steps, token, True)
    step_revocation(development, steps, token)
    step_introspection(development, steps, token, False)


def once(development):
    steps = Steps()
    development.prepare()
    log_path = development.directory / 'log'
    try:
        with log_path.open('wb') as log:
            development.start(log)
            take_steps(development, steps)
            status = development.stop()
        print(f'\nStopped with status {status}.')
        good = steps.failed == 0 and status == 0
    except BaseException:
        good = False
        raise
    finally:
        development.stop()
        if not good:
            print('\nThe log of tesserad:\n' + log_path.read_text(encoding='utf-8', errors='replace'), flush=True)
        shutil.rmtree(development.directory, ignore_errors=True)
    print('All came out right.' if good else f'{steps.failed} answers were wrong.')
    return 0 if good else 1


def parse_arguments():
    parser = argparse.ArgumentParser(prog='./dev run')
    parser.add_argument('--tesserad', type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument('--directory', type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument('--look', action='store_true', help=argparse.SUPPRESS)  # whether it could start, no more
    parser.add_argument('--port', type=int, default=PORT, help=f'instead of {PORT}; 0: any that is free')
    parser.add_argument('--tls', action='store_true', help='https, with a certificate made on the spot')
    parser.add_argument('--once', action='store_true', help='take the steps, show the answers, stop')
    arguments = parser.parse_args()
    if not 0 <= arguments.port <= 65535:
        parser.error('a port is a number from 0 to 65535')
    arguments.port = arguments.port or free_port()
    return arguments


def may_run(arguments, user, group):
    """Whether @user may run what was built, and write beside it."""
    os.setegid(group)
    os.seteuid(user)
    may = os.access(arguments.tesserad.resolve(), os.X_OK, effective_ids=True)
    may = may and os.access(arguments.directory.resolve().parent, os.W_OK | os.X_OK, effective_ids=True)
    os.seteuid(0)
    os.setegid(0)
    return may


def become_owner(arguments):
    """With sudo: as who owns this folder, so that their terminals can read the files. The service could not read that
    user's files, either: it gives up what root may do beyond others. A port may need root."""
    owner, folder = ROOT.stat(), arguments.directory.resolve()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    try:
        switch_to(arguments, owner, folder)
    except PermissionError as error:
        if error.filename is not None:
            raise
        raise Problem(f'{ROOT} belongs to {owner_of(ROOT)}, and this root may not become them (a container '
                      'without CAP_SETUID or CAP_SETGID): start it as that user.') from None


def switch_to(arguments, owner, folder):
    os.setgroups([])
    user, group = owner.st_uid, owner.st_gid
    if arguments.port < 1024 or not may_run(arguments, user, group):
        user, group = 0, 0
    for path in [folder, *folder.rglob('*')] if folder.exists() else []:
        os.chown(path, user, group, follow_symlinks=False)
    os.setgid(group)
    os.setuid(user)


def make_directory(arguments):
    """One a port; for --once one of its own, beside them."""
    folder = arguments.directory.resolve()
    folder.mkdir(mode=0o700, exist_ok=True)
    if arguments.once:
        return pathlib.Path(tempfile.mkdtemp(prefix='once-', dir=folder))
    return folder / f'{"https" if arguments.tls else "http"}-{arguments.port}'


def owner_of(path):
    """Of what is there, or of the folder that it would be in."""
    path = pathlib.Path(path)
    while not os.path.exists(path):
        path = path.parent
    try:
        return path.owner()
    except KeyError:  # without a name
        return f'user {path.stat().st_uid}'


def main():
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        check_port(arguments.port)
        if arguments.look:
            return 0
        become_owner(arguments)
        development = Development(arguments.tesserad, make_directory(arguments), arguments.port, arguments.tls)
        return once(development) if arguments.once else stay(development)
    except PermissionError as error:
        if error.filename is None:
            raise
        owner = owner_of(error.filename)
        print(f'./dev run: {error.filename} belongs to {owner}, who ran this before: be that user, or remove {arguments.directory}.', file=sys.stderr)
        return 1
    except Problem as problem:
        print(f'./dev run: {problem}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
