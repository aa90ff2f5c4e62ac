# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests with other people's programs share: a service with clients for them, a protected
resource, and a way to pass their TAP on."""
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))
from tessera_fixture import Client, Service, free_port  # noqa: E402

AUDIENCE = 'urn:interop:rs'
REDIRECT = 'http://127.0.0.1:9499/cb'
SCOPE = 'api:read api:write'
RESOURCES = '[resource interop]\nidentifier=%s\nscopes=api:read;api:write;\n\n' % AUDIENCE


def clients():
    keys = dict(redirect_uri='http://127.0.0.1/cb', scope=SCOPE, audience=AUDIENCE + ';', resources=AUDIENCE + ';',
                application_type='native')
    both = dict(keys, grant_types='authorization_code;refresh_token;client_credentials;')
    public = dict(keys, grant_types='authorization_code;refresh_token;')
    return [
        Client('interop-basic', **both),
        Client('interop-post', method='client_secret_post', **both),
        Client('interop-public', method='none', **public),
        Client('interop-rs', scope='', introspect=AUDIENCE + ';', grant_types='client_credentials;'),
    ]


class InteropService(Service):
    def __init__(self, tokens='', **options):
        super().__init__(clients=clients(), sections=RESOURCES + tokens, **options)

    def environment_for(self, client, **more):
        """What a probe reads from its environment."""
        values = dict(
            os.environ, ISSUER=self.issuer, CLIENT_ID=client.id, CLIENT_AUTH=client.method, REDIRECT_URI=REDIRECT,
            SCOPE=SCOPE, RS_AUDIENCE=AUDIENCE, AGENT=os.path.join(HERE, 'agent.py'), OP_USER='alice',
            OP_PASSWORD=self.users['alice'], AUTH_URL=self.issuer + '/authorize', TOKEN_URL=self.issuer + '/token', **more)
        values.pop('CLIENT_SECRET', None)
        if client.secret:
            values['CLIENT_SECRET'] = client.secret
        return values


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
        self.good = self.good and ok
        print('%s %d %s%s' % ('ok' if ok else 'not ok', self.count, name, directive), flush=True)

    def skip(self, name, reason):
        self.line(True, name, ' # SKIP ' + reason)

    def relay(self, argv, environment, timeout=120):
        """Runs a program that speaks TAP and numbers its lines anew."""
        run = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=timeout)
        seen = 0
        for text in run.stdout.splitlines():
            match = re.match(r'(not ok|ok)\b\s*\d*\s*(?:- )?([^#]*)(#.*)?$', text)
            if match:
                seen += 1
                self.line(match.group(1) == 'ok', match.group(2).strip(), ' ' + match.group(3) if match.group(3) else '')
            else:
                print('# ' + text)
        if run.returncode or not seen:
            for text in run.stderr.splitlines()[-30:]:
                print('# ' + text)
        if not seen or (run.returncode and self.good):
            self.line(False, '%s ended with %d' % (os.path.basename(argv[-1]), run.returncode))

    def end(self, service=None):
        if service is not None:
            try:
                service.stop()
                self.line(True, 'the service stops in order and complained of nothing')
            except Exception as error:
                print('# ' + str(error).replace('\n', '\n# '))
                self.line(False, 'the service stops in order and complained of nothing')
        print('1..%d' % self.count)
        sys.exit(0 if self.good else 1)
