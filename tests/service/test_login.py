#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tessera login, with a scripted browser: RFC 8252 sections 7.3 and 8.4, RFC 9207 section 2.4, RFC 8414."""

import http.server
import json
import os
import ssl
import subprocess
import threading
import urllib.parse
import urllib.request
import urllib.error

from desk import Desk, R1
from browser import Browser
import tap
from tap import check, contains, equal, lacks, test, until
from tessera_fixture import claims_of, parameters_of

PASSWORD = 'canary-Password-1'


class Counter(Desk):
    def start(self):
        super().start()
        if not any(user['username'] == 'alice' for user in self.json('user', 'list')):
            self.add_user('alice', PASSWORD)

    def login(self, *words, **environment):
        """(command, the address it says)"""
        command = self.begin('login', '--no-browser', *words, **environment)
        return command, command.wait_for(r'(?m)^(https?://\S+)$', 'err').group(1)

    def answer(self, address, decision='allow', browser=None):
        """Where the browser is sent to in the end."""
        browser = browser or Browser(self.issuer)
        last = browser.authorize(address, 'alice', PASSWORD, decision)
        equal(last.status, 303, repr(last))
        return last.location


def visit(address):
    """(status, page)"""
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@test('the whole flow in one command: sign in, refresh, ask, revoke; the client of it is gone afterwards')
def _(desk):
    before = desk.json('client', 'list')
    command, address = desk.login('--json', '--refresh', '--introspect', '--revoke', '--resource', R1)
    with command:
        query = parameters_of(address)
        equal((query['response_type'], query['code_challenge_method'], len(query['code_challenge']), len(query['state'])),
              ('code', 'S256', 43, 43))
        check(query['redirect_uri'].startswith('http://127.0.0.1:'), query['redirect_uri'])
        status, page = visit(desk.answer(address))
        equal(status, 200)
        contains(page, 'Signed in')
        equal(command.wait(), 0, command.text('err'))
        said = json.loads(command.text())
    equal((said['issuer'], said['claims']['sub'], said['claims']['aud'], said['token_type']), (desk.issuer, 'alice', R1, 'Bearer'))
    equal((said['refreshed'], said['revoked'], said['introspection']['active'], said['introspection_after']), (True, True, True, {'active': False}))
    lacks(said, 'access_token')
    equal(desk.json('client', 'list'), before)


@test('for people: claims in lines; the tokens only if asked for')
def _(desk):
    command, address = desk.login()
    with command:
        visit(desk.answer(address))
        equal(command.wait(), 0, command.text('err'))
        contains(command.text(), 'Claims of the access token')
        check('alice' in command.text() and 'tsr_' not in command.text() and 'eyJ' not in command.text(), command.text())
    app = desk.add_app()
    command, address = desk.login('--client-id', app[0], '--redirect-uri', 'http://127.0.0.1/cb', '--show-tokens', '--json')
    with command:
        visit(desk.answer(address))
        equal(command.wait(), 0, command.text('err'))
        said = json.loads(command.text())
    equal((desk.is_active(said['access_token']), claims_of(said['access_token'])['client_id']), (True, app[0]))
    equal(desk.refresh(app, said['refresh_token']), 200)


@test('a confidential client has its secret in a file; any issuer with metadata will do')
def _(desk):
    added = desk.json('client', 'add', '--name', 'Web', '--redirect-uri', 'http://127.0.0.1:9/back', '--application-type', 'native')
    desk.write('web.secret', added['client_secret'])
    words = ['--issuer', desk.issuer, '--client-id', added['client_id'], '--client-secret-file', 'web.secret', '--introspect', '--json']
    command, address = desk.login(*words, '--redirect-uri', 'http://127.0.0.1/back', TESSERA_SOCKET='/nowhere')
    with command:
        visit(desk.answer(address))
        equal(command.wait(), 0, command.text('err'))
        equal(json.loads(command.text())['introspection']['active'], True)


@test('an answer with another state, twice a parameter, or to another path is none: it waits on')
def _(desk):
    command, address = desk.login('--json')
    with command:
        location = desk.answer(address)
        base, query = location.split('?')
        for wrong in (base + '?code=stolen&state=other', base + '?code=stolen', location + '&code=stolen', base + '/x?' + query, base):
            status, page = visit(wrong)
            check(status in (400, 404), '%s: %d' % (wrong, status))
            lacks(page, 'stolen')
        request = urllib.request.Request(location, data=b'code=stolen')
        try:
            urllib.request.urlopen(request, timeout=30)
            check(False, 'POST was taken')
        except urllib.error.HTTPError as error:
            equal(error.code, 405)
            error.close()
        equal(visit(location)[0], 200)
        equal(command.wait(), 0, command.text('err'))


@test('an answer of another issuer, or without iss, is refused (RFC 9207)')
def _(desk):
    before = desk.json('client', 'list')
    for change in ({'iss': 'https://evil.test'}, {'iss': None}):
        command, address = desk.login()
        with command:
            location = desk.answer(address)
            query = {name: value for name, value in (parameters_of(location) | change).items() if value is not None}
            visit(location.split('?')[0] + '?' + urllib.parse.urlencode(query))
            equal((command.wait(), command.text()), (1, ''))
            contains(command.text('err'), 'issuer')
    equal(desk.json('client', 'list'), before)


@test('a refusal is said, and is a failure')
def _(desk):
    app = desk.add_app()
    command, address = desk.login('--client-id', app[0], '--redirect-uri', 'http://127.0.0.1/cb')
    with command:
        status, page = visit(desk.answer(address, 'deny'))
        contains(page, 'Not signed in')
        equal(command.wait(), 1)
        contains(command.text('err'), 'access_denied')


@test('interrupted or too late: a failure, and the client of it is gone')
def _(desk):
    before = desk.json('client', 'list')
    command, _ = desk.login()
    with command:
        command.interrupt()
        equal(command.wait(), 1)
    command, _ = desk.login('--timeout', '1')
    with command:
        equal(command.wait(), 1)
        contains(command.text('err'), 'in time')
    equal(desk.json('client', 'list'), before)


@test('what is asked wrongly')
def _(desk):
    desk.fails(2, 'login', '--issuer', desk.issuer)
    desk.fails(2, 'login', '--client-secret-file', 'x')
    desk.fails(2, 'login', '--timeout', '0')
    for uri in ('https://127.0.0.1/cb', 'http://example.test/cb', 'http://127.0.0.1/cb?x=1', 'com.example:/cb', 'http://0.0.0.0/'):
        desk.fails(2, 'login', '--redirect-uri', uri)
    for issuer in ('http://example.test', 'ftp://127.0.0.1', desk.issuer + '?x=1', 'nonsense', desk.issuer + '/other'):
        desk.fails(1, 'login', '--issuer', issuer, '--client-id', 'x')
    desk.fails(5, 'login', '--socket', '/nowhere')


@test('with a display the browser of the desktop is started with the address; with --no-browser it is not')
def _(desk):
    script = desk.write('opener', '#!/bin/sh\nprintf %s "$1" >"$OPENED.part" && mv "$OPENED.part" "$OPENED"\n', 0o700)
    desk.write('share/applications/opener.desktop', '[Desktop Entry]\nType=Application\nName=Opener\nExec=%s %%u\n'
               'MimeType=x-scheme-handler/http;\n' % script)
    desk.write('share/applications/mimeapps.list', '[Default Applications]\nx-scheme-handler/http=opener.desktop\n')
    where = dict(DISPLAY=':99', XDG_DATA_HOME=desk.path('share'), XDG_CONFIG_HOME=desk.path('none'), OPENED=desk.path('opened'))
    with desk.begin('login', **where) as command:
        address = command.wait_for(r'(?m)^(http://\S+)$', 'err').group(1)
        until(lambda: os.path.exists(desk.path('opened')), 'the browser was started')
        with open(desk.path('opened'), encoding='ascii') as file:
            equal(file.read(), address)
        visit(desk.answer(address))
        equal(command.wait(), 0, command.text('err'))
    os.unlink(desk.path('opened'))
    command, address = desk.login(**where)
    with command:
        visit(desk.answer(address))
        equal(command.wait(), 0, command.text('err'))
    check(not os.path.exists(desk.path('opened')), 'a browser was started')


@test('an https issuer: its certificate is checked, against --ca-file if there is one')
def _(_desk):
    with Desk() as desk:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
                        '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', desk.path('key.pem'), '-out',
                        desk.path('cert.pem')], check=True, stderr=subprocess.DEVNULL)
        os.chmod(desk.path('key.pem'), 0o600)
        desk.issuer = desk.issuer.replace('http:', 'https:')
        desk.text = desk.text.replace('issuer=http:', 'issuer=https:').replace('[dbus]', 'certificate=cert.pem\nprivate-key=key.pem\n[dbus]')
        desk.start()
        desk.add_user('alice', PASSWORD)
        contains(desk.fails(1, 'login', '--no-browser').lower(), 'certificate')
        command = desk.begin('login', '--no-browser', '--ca-file', 'cert.pem', '--json')
        with command:
            address = command.wait_for(r'(?m)^(https://\S+)$', 'err').group(1)
            browser = Browser(desk.issuer, tls=ssl.create_default_context(cafile=desk.path('cert.pem')))
            visit(browser.authorize(address, 'alice', PASSWORD).location)
            equal(command.wait(), 0, command.text('err'))
            equal(json.loads(command.text())['claims']['iss'], desk.issuer)
        equal(desk.service.stop(), 0)


class Impostor(http.server.BaseHTTPRequestHandler):
    """Metadata that this issuer may not have."""
    metadata = b''

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.metadata)

    def log_message(self, *arguments):
        pass


@test('metadata of another issuer, with plain http elsewhere, or that is no JSON, is refused (RFC 8414 section 3.3)')
def _(desk):
    server = http.server.HTTPServer(('127.0.0.1', 0), Impostor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    issuer = 'http://127.0.0.1:%d' % server.server_port
    try:
        genuine = desk.http('GET', '/.well-known/oauth-authorization-server').json()
        Impostor.metadata = json.dumps(genuine).encode()
        contains(desk.fails(1, 'login', '--issuer', issuer, '--client-id', 'x', '--no-browser'), 'calls itself')
        for metadata in ({'issuer': issuer + '/'}, {},
                         {'issuer': issuer, 'authorization_endpoint': 'http://evil.test/authorize'}, {'issuer': issuer}):
            Impostor.metadata = json.dumps(metadata).encode()
            desk.fails(1, 'login', '--issuer', issuer, '--client-id', 'x', '--no-browser')
        for text in (b'', b'[]', b'{', b'{"issuer": "x", "issuer": "%s"}' % issuer.encode(), b'x' * (2 << 20)):
            Impostor.metadata = text
            desk.fails(1, 'login', '--issuer', issuer, '--client-id', 'x', '--no-browser')
    finally:
        server.shutdown()
        server.server_close()


if __name__ == '__main__':
    tap.main(Counter)
