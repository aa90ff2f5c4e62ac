# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests with other people's programs share: a service with clients for them, a protected
resource, and a report that several programs write into."""
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))
import tap  # noqa: E402
from tessera_fixture import Client, Service, free_port  # noqa: E402

AUDIENCE = 'urn:interop:rs'
OTHER_AUDIENCE = 'urn:interop:other'
REDIRECT = 'http://127.0.0.1:%d/cb' % free_port()  # nobody listens there: who is sent there stops before
PRIVATE_REDIRECT = 'com.example.interop:/cb'
SCOPE = 'api:read api:write'
RESOURCES = ''.join('[resource %s]\nidentifier=%s\nscopes=api:read;api:write;\n\n' % pair
                    for pair in (('interop', AUDIENCE), ('other', OTHER_AUDIENCE)))


def clients():
    keys = dict(redirect_uri='http://127.0.0.1/cb', redirect_uris='http://127.0.0.1/cb;%s;' % PRIVATE_REDIRECT,
                post_logout_redirect_uris=REDIRECT + '/out;',
                scope=SCOPE, audience=AUDIENCE + ';', resources='%s;%s;' % (AUDIENCE, OTHER_AUDIENCE),
                application_type='native')
    both = dict(keys, grant_types='authorization_code;refresh_token;client_credentials;')
    public = dict(keys, grant_types='authorization_code;refresh_token;')
    return [
        Client('interop-basic', client_name='Basic Notes', **both),
        Client('interop-post', client_name='Post Notes', method='client_secret_post', **both),
        Client('interop-public', client_name='Field Notes', method='none', **public),
        Client('interop-feed', scope='denylist', grant_types='client_credentials;'),
        Client('interop-rs', introspect=AUDIENCE + ';', grant_types='client_credentials;'),
    ]


class InteropService(Service):
    """@born: seconds by which its clock is off from the start; @more: clients beside those above."""

    def __init__(self, sections='', born=0, more=(), **options):
        super().__init__(clients=clients() + list(more), sections=RESOURCES + sections, **options)
        self.advance(born)

    def log_in_clients(self):
        """Those that people log in with: one for each way of client authentication."""
        return [self.clients[name] for name in ('interop-basic', 'interop-post', 'interop-public')]

    def environment_for(self, client, **more):
        """What a program in C or JavaScript reads from its environment."""
        values = dict(
            os.environ, ISSUER=self.issuer, CLIENT_ID=client.id, CLIENT_AUTH=client.method, REDIRECT_URI=REDIRECT,
            SCOPE=SCOPE, RS_AUDIENCE=AUDIENCE, AGENT=os.path.join(HERE, 'agent.py'), OP_USER='alice',
            OP_PASSWORD=self.users['alice'], AUTH_URL=self.issuer + '/authorize', TOKEN_URL=self.issuer + '/token', **more)
        values.pop('CLIENT_SECRET', None)
        values.pop('G_DEBUG', None)  # librest without a secret is a critical of libsoup, and not for us to end
        if client.secret:
            values['CLIENT_SECRET'] = client.secret
        return values


def wait_until_it_answers(process, ask, complaints):
    """The first answer of the program that was started as @process; @complaints (): what it said."""
    def try_once():
        if process.poll() is not None:
            raise RuntimeError('%s ended: %s' % (process.args[0], complaints()))
        try:
            return ask(),
        except OSError:
            return None

    return tap.until(try_once, lambda: '%s answers: %s' % (process.args[0], complaints()), 0.02)[0]


class ProtectedResource:
    """GET / with a Bearer token; asks the introspection endpoint each time."""

    def __init__(self, service):
        self.service = service
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                scheme, _, token = (self.headers.get('Authorization') or '').partition(' ')
                good = scheme.lower() == 'bearer' and outer.accepts(token)
                body = b'{"ok":true}' if good else b''
                self.send_response(200 if good else 401)
                if not good:
                    self.send_header('WWW-Authenticate', 'Bearer')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = 'http://127.0.0.1:%d/' % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def accepts(self, token):
        return self.service.introspect(token, self.service.clients['interop-rs']).json()['active']


class Report:
    """TAP whose lines come from several programs."""

    def __init__(self):
        self.count = 0
        self.good = True

    def line(self, ok, name, directive=''):
        self.count += 1
        self.good = self.good and bool(ok)
        print('%s %d %s%s' % ('ok' if ok else 'not ok', self.count, name, directive), flush=True)

    def skip(self, name, reason):
        self.line(True, name, ' # SKIP ' + reason)

    def finds(self, *programs):
        """Whether they are installed; else one line says which is not."""
        for program in programs:
            if shutil.which(program) is None:
                self.skip(programs[0], '%s is not installed' % program)
                return False
        return True

    def comment(self, text):
        for line in text.rstrip().splitlines():
            print('# ' + line, flush=True)

    def step(self, name, function):
        """One case: bad when @function raises or returns False. Its value, or None."""
        try:
            value = function()
        except Exception:  # whatever it was, the next step runs
            self.comment(traceback.format_exc())
            self.line(False, name)
            return None
        self.line(value is not False, name)
        return value

    def relay(self, argv, environment, timeout=1500):
        """Runs a program that speaks TAP and numbers its lines anew."""
        try:
            run = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=timeout)
            out, err, status = run.stdout, run.stderr, run.returncode
        except subprocess.TimeoutExpired as late:
            out, err = ((part or b'').decode('utf-8', 'replace') for part in (late.stdout, late.stderr))
            status = 'no end after %d s' % timeout
        told = [self.relay_line(text) for text in out.splitlines()]
        if status or True not in told:
            self.comment('\n'.join(err.splitlines()[-30:]))
        if True not in told or (status and False not in told):
            self.line(False, '%s ended (%s) without naming a failure' % (os.path.basename(argv[-1]), status))

    def relay_line(self, text):
        """The verdict when the line is one, else None."""
        match = re.match(r'(not ok|ok)\b\s*\d*\s*(?:- )?([^#]*)(#.*)?$', text)
        if not match:
            if not text.startswith('1..'):
                self.comment(text.removeprefix('# '))
            return None
        ok = match.group(1) == 'ok'
        self.line(ok, match.group(2).strip(), ' ' + match.group(3) if match.group(3) else '')
        return ok

    def run(self, walk, *arguments, **options):
        """Starts a service, lets @walk (report, service, …) use it, and stops it in order."""
        service = InteropService(**options)
        try:
            walk(self, service.start(), *arguments)
        except Exception:
            self.comment(traceback.format_exc())
            self.line(False, 'all steps were reached')
        self.step('the service stops in order and complained of nothing', service.stop)

    def end(self):
        print('1..%d' % self.count)
        sys.exit(0 if self.good else 1)
