#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What sgcWebSockets' OAuth server does, sentence by sentence, against the shipped example programs.

    parity.py [NUMBER]      runs the tests of one sentence, or all
    parity.py --sentences   prints the sentences
"""

import os
import signal
import subprocess
import sys
import tempfile

from example import (App, Example, SOURCES, BUILT, HERE, WebSocket, decode_part, exchange, free_port,
                     make_certificates, sha256, trust)
import tap
from tap import Skip, check, contains, equal, lacks, one_of

SENTENCES = {
    '01': 'the OAuth object is attached to an HTTP and an HTTPS server; certificate, key and CA come from PEM files, or all from one',
    '02': 'an application is registered with name, redirect URI (or an empty one), id, secret, lifetime, refresh tokens yes or no, and its grants',
    '03': 'with the guard on, every HTTP request outside the OAuth endpoints needs a Bearer token, else 401 and the connection is closed',
    '04': 'every WebSocket handshake likewise; without a valid, unrevoked token there is never a 101',
    '05': 'one handler receives user and password and decides; user/secret is accepted, all else refused',
    '06': 'a client starts a browser; the built-in pages ask for login and permission; the client receives its token and its requests carry it',
    '07': 'POST to the revocation endpoint with token and optional token_type_hint',
    '08': 'the answer is 200 for known, unknown, expired, malformed and other clients\' tokens, byte for byte the same',
    '09': 'a revoked access token is refused from the next request on; its refresh token stays valid; a revoked refresh token takes the grant\'s access tokens with it',
    '10': 'revocation can be switched off (404, not in the metadata) and on, its path set; the request of the reference page works verbatim',
    '11': 'after each attempt one event tells the token, its hint and whether it was revoked',
    '12': 'access tokens are signed JWTs, refresh tokens opaque; the deny-list survives a restart of the embedding program',
}
LANGUAGES = ('c', 'python', 'gjs', 'vala')


def sentence(number, *variants):
    """Registers a function as the test of a sentence, once for each variant."""
    def register(function):
        for variant in variants:
            tap.test('parity/%s %s (%s)' % (number, SENTENCES[number], variant))(lambda variant=variant: function(variant))
        return function
    return register


@sentence('01', 'one file', 'three files', *LANGUAGES[1:])
def _(variant):
    language = variant if variant in LANGUAGES else 'c'
    with tempfile.TemporaryDirectory() as directory:
        files = make_certificates(directory)
        pem = [files['certificate'], files['key'], files['ca']] if variant == 'three files' else [files['all']]
        port = free_port()
        with Example(language, port, *pem) as example:
            plain = App(example)
            secure = App(example, base='https://127.0.0.1:%d' % port, tls=trust(files['ca']))
            for app in (plain, secure):
                token = app.log_in()['access_token']
                equal(app.call().status, 401)
                equal(app.call(token).status, 200)
            equal(plain.call(token).status, 200, 'a token is good on both')


@sentence('02', 'empty redirect URI')
def _(variant):
    with Example('c') as example:
        app = App(example)
        for uri in ('http://127.0.0.1:1', 'http://127.0.0.1:4711/any/path', 'http://[::1]:4711/x'):
            answer = app.authorize(redirect_uri=uri)
            response = app.redeem(answer['code'], uri)
            equal(response.status, 200, uri)
            equal(response.json()['expires_in'], 3600)
            check(response.json()['refresh_token'], 'no refresh token')
        for uri in ('https://client.test/', 'http://localhost:1/', 'http://127.0.0.1.evil.test/', 'http://10.0.0.1/',
                    'com.example.app:/cb', 'http://127.0.0.1:1/#f', 'http://user@127.0.0.1:1/'):
            response = app.browser().get(app.authorization_url(redirect_uri=uri))
            equal(response.status, 400, uri)
            equal(response.location, None, uri)
        equal(App(example, secret='wrong').refresh('x').status, 401)


@sentence('02', 'redirect URI, lifetime and grants')
def _(variant):
    with Example('drop-in') as example:
        full = App(example, 'my-client-id', 'my-client-secret', redirect_uri='http://127.0.0.1:8080')
        browser = full.browser()
        page = browser.login(browser.open(full.authorization_url()), 'user', 'secret')
        contains(page.text, 'MyApp')
        tokens = full.log_in()
        equal(tokens['expires_in'], 3600)
        check('refresh_token' in tokens, 'no refresh token')
        refused = full.browser().get(full.authorization_url(redirect_uri='http://127.0.0.1:8080/other'))
        equal((refused.status, refused.location), (400, None))
        equal(full.post(example.paths['token'], {'grant_type': 'client_credentials'}).json()['error'], 'unauthorized_client')

        brief = App(example, 'brief-id', 'brief-secret', redirect_uri='http://127.0.0.1:8080').log_in()
        equal(brief['expires_in'], 2)
        check('refresh_token' not in brief, 'a refresh token for who asked for none')

        machine = App(example, 'machine-id', 'machine-secret')
        equal(machine.post(example.paths['token'], {'grant_type': 'client_credentials'}).status, 200)
        refused = machine.browser().get(machine.authorization_url())
        contains(refused.location, 'error=unauthorized_client')


@sentence('02', 'a client that knows no PKCE')
def _(variant):
    with Example('drop-in') as example:
        app = App(example, 'my-client-id', 'my-client-secret', redirect_uri='http://127.0.0.1:8080')
        answer = app.authorize(code_challenge='', code_challenge_method='')
        response = app.post(example.paths['token'], {
            'grant_type': 'authorization_code', 'code': answer['code'], 'redirect_uri': app.redirect_uri,
            'client_id': app.id, 'client_secret': app.secret}, authenticate=False)
        equal(response.status, 200, repr(response))
        equal(app.call(response.json()['access_token']).status, 200)
        brief = App(example, 'brief-id', 'brief-secret', redirect_uri='http://127.0.0.1:8080')
        refused = brief.browser().get(brief.authorization_url(code_challenge='', code_challenge_method=''))
        contains(refused.location, 'error=invalid_request')


@sentence('03', *LANGUAGES)
def _(language):
    with Example(language) as example:
        app = App(example)
        for method in ('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND'):
            response = app.call(method=method)
            equal(response.status, 401, method)
            check(response.header('WWW-Authenticate').startswith('Bearer'), repr(response))
            lacks(response.header('WWW-Authenticate'), 'error=')
        for path in ('/', '/x/y', '//', '//hello', '/%68ello', '/./hello', '/authorize/x', '/tokens', '/token/', '/token/../hello',
                     '/%2e%2e/hello', '/socket', '/.well-known/', '/hello?access_token=x'):
            answer, closed = exchange(example, 'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' % path)
            one_of(answer[:13], ('HTTP/1.1 401 ', 'HTTP/1.1 400 ', 'HTTP/1.1 404 '), path)
            lacks(answer, 'Hello')
            if answer.startswith('HTTP/1.1 401 '):
                check(closed, 'the connection stays open after ' + path)
        response = app.call('no.such.token')
        equal(response.status, 401)
        contains(response.header('WWW-Authenticate'), 'error="invalid_token"')
        equal(app.request('GET', '/.well-known/oauth-authorization-server').status, 200)
        equal(app.call(app.log_in()['access_token']).text, 'Hello, user\n')


@sentence('03', 'connection kept if not set')
def _(variant):
    with Example('drop-in') as example:
        request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
        last = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
        answer, closed = exchange(example, request + last)
        equal(answer.count('HTTP/1.1 401 '), 2)


@sentence('04', *LANGUAGES)
def _(language):
    with Example(language) as example:
        app = App(example)
        for token in (None, 'no.such.token'):
            for path in ('/socket', '/', '/token', '/socket?access_token=x', '//socket', '/%73ocket'):
                one_of(WebSocket(example, token, path).status, (400, 401, 405), path)
        tokens = app.log_in()
        sockets = [WebSocket(example, tokens['access_token']) for _ in range(3)]
        for socket in sockets:
            equal(socket.status, 101)
            socket.send_text('echo')
            equal(socket.receive(), (1, b'echo'))
        other = WebSocket(example, app.log_in()['access_token'])
        equal(app.revoke(tokens['access_token']).status, 200)
        equal(WebSocket(example, tokens['access_token']).status, 401)
        for socket in sockets:
            equal(socket.wait_for_close(), 1008)
        ended = app.log_in()
        socket = WebSocket(example, ended['access_token'])
        equal(app.revoke(ended['refresh_token']).status, 200)
        equal(socket.wait_for_close(), 1008, 'the access token goes with its refresh token')
        other.send_text('still here')
        equal(other.receive(), (1, b'still here'))
        other.close()


@sentence('05', *LANGUAGES)
def _(language):
    with Example(language) as example:
        app = App(example)
        for username, password in (('user', 'wrong'), ('user', ''), ('', 'secret'), ('User', 'secret'), ('user', 'Secret'),
                                   ('secret', 'user'), ('root', 'secret'), ('user', 'secret '), ('user\0', 'secret')):
            response = app.browser().authorize(app.authorization_url(), username, password)
            equal(response.location, None, repr((username, password)))
        check('code' in app.authorize('user', 'secret'), 'user/secret is refused')


def run_client(command, decision, directory):
    log = os.path.join(directory, 'pages')
    environment = dict(os.environ, BROWSER=os.path.join(HERE, 'agent.py'), AGENT_LOG=log, AGENT_DECISION=decision,
                       ASAN_OPTIONS=os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0')
    client = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, text=True)
    with open(log) as pages:
        return client, pages.read().splitlines()


@sentence('06', 'client in Python', 'client in Python, public', 'client in C with librest')
def _(variant):
    with Example('c') as example, tempfile.TemporaryDirectory() as directory:
        if variant.startswith('client in Python'):
            command = ['/usr/bin/python3', os.path.join(SOURCES, 'hello-client.py'), example.base]
        else:
            command = [os.path.join(BUILT, 'hello-client'), example.base]
            if not os.path.exists(command[0]):
                raise Skip('built without librest')
        command += ['client-id', 'client-secret'] if variant == 'client in Python' else ['desktop-id']
        client, pages = run_client(command, 'allow', directory)
        equal(client.returncode, 0, client.stderr)
        equal(len(pages), 2, 'a page to log in and one to ask: %r' % pages)
        lines = client.stdout.splitlines()
        equal(lines[0], 'call: 200 Hello, user', client.stderr)
        equal(lines[1], 'call after refresh: 200 Hello, user')
        contains(lines[2], 'call after revocation: 401')
        client, pages = run_client(command, 'deny', directory)
        check(client.returncode != 0, 'a client whose user said no goes on: %r' % client.stdout)
        lacks(client.stdout, 'call')


@sentence('07', 'every hint')
def _(variant):
    with Example('c') as example:
        app = App(example)
        for kind in ('access_token', 'refresh_token'):
            for hint in (None, 'access_token', 'refresh_token', 'something_else'):
                tokens = app.log_in()
                equal(app.revoke(tokens[kind], hint).status, 200, '%s as %s' % (kind, hint))
                equal(app.call(tokens['access_token']).status, 401, '%s as %s' % (kind, hint))
        equal(app.post('/revoke', {'token_type_hint': 'access_token'}).status, 400, 'without a token')
        equal(app.request('GET', '/revoke?token=x').status, 405)
        equal(app.revoke('x', authenticate=False).status, 401)


def answer_of(response):
    headers = [pair for pair in response.headers if pair[0].lower() not in ('date', 'x-request-id')]
    return response.status, headers, response.body


@sentence('08', 'every kind of token')
def _(variant):
    with Example('drop-in') as example:
        app = App(example, 'my-client-id', 'my-client-secret', redirect_uri='http://127.0.0.1:8080')
        brief = App(example, 'brief-id', 'brief-secret', redirect_uri='http://127.0.0.1:8080')
        machine = App(example, 'machine-id', 'machine-secret')
        expired = brief.log_in()['access_token']
        tap.until(lambda: brief.call(expired).status != 200, 'the token expires', pause=0.1)  # two seconds
        tokens = app.log_in()
        foreign = app.log_in()
        head, payload, signature = tokens['access_token'].split('.')
        known = app.revoke(tokens['access_token'])
        equal((known.status, known.body), (200, b''))
        others = {
            'again': app.revoke(tokens['access_token']),
            'refresh': app.revoke(tokens['refresh_token']),
            'unknown': app.revoke('no-such-token'),
            'unknown, of the shape of a refresh token': app.revoke(tokens['refresh_token'][:-1] + '_'),
            'expired': app.revoke(expired),
            'another client\'s': machine.revoke(foreign['access_token']),
            'another client\'s refresh token': machine.revoke(foreign['refresh_token']),
            'without a signature': app.revoke(head + '.' + payload + '.'),
            'with a wrong signature': app.revoke(head + '.' + payload + '.' + signature[::-1]),
            'malformed': app.revoke('..'),
            'not ASCII': app.revoke('\u2603'),
            'long': app.revoke('x' * 9000),
        }
        for what, response in others.items():
            equal(answer_of(response), answer_of(known), what)
        equal(app.call(foreign['access_token']).status, 200, 'another client revoked it')
        equal(app.refresh(foreign['refresh_token']).status, 200, 'another client revoked it')


@sentence('09', *LANGUAGES)
def _(language):
    with Example(language) as example:
        app = App(example)
        first = app.log_in()
        equal(app.call(first['access_token']).status, 200)
        equal(app.revoke(first['access_token'], 'access_token').status, 200)
        response = app.call(first['access_token'])
        equal(response.status, 401)
        contains(response.header('WWW-Authenticate'), 'error="invalid_token"')

        refreshed = app.refresh(first['refresh_token'])
        equal(refreshed.status, 200, 'the refresh token stays valid')
        second = refreshed.json()
        equal(app.call(second['access_token']).status, 200)
        equal(app.revoke(second['refresh_token'], 'refresh_token').status, 200)
        equal(app.call(second['access_token']).status, 401, 'the access token goes with its refresh token')
        equal(app.refresh(second['refresh_token']).json()['error'], 'invalid_grant')


@sentence('10', 'on, at the path of the reference page')
def _(variant):
    with Example('drop-in') as example:
        app = App(example, 'my-client-id', 'my-client-secret', redirect_uri='http://127.0.0.1:8080')
        metadata = app.request('GET', '/.well-known/oauth-authorization-server').json()
        equal(metadata['revocation_endpoint'], example.base + '/sgc/oauth2/revoke')
        equal(metadata['token_endpoint'], example.base + '/sgc/oauth2/token')
        verbatim = app.post('/sgc/oauth2/revoke', 'token=eyJhbGciOi...&token_type_hint=access_token', authenticate=False)
        equal((verbatim.status, verbatim.body), (200, b''))
        token = app.log_in()['access_token']
        form = 'token=%s&token_type_hint=access_token' % token
        equal(answer_of(app.post('/sgc/oauth2/revoke', form, authenticate=False)), answer_of(verbatim))
        equal(app.call(token).status, 401)
        active = app.post('/sgc/oauth2/introspect', {'token': app.log_in()['access_token']}).json()
        equal(active['active'], True)
        equal(app.post('/sgc/oauth2/introspect', {'token': token}).json(), {'active': False})


@sentence('10', 'off')
def _(variant):
    with Example('drop-in', '--without-revocation') as example:
        app = App(example, 'my-client-id', 'my-client-secret', redirect_uri='http://127.0.0.1:8080')
        lacks(app.request('GET', '/.well-known/oauth-authorization-server').text, 'revo')
        token = app.log_in()['access_token']
        equal(app.revoke(token).status, 404)
        equal(app.revoke(token, authenticate=False).status, 404)
        equal(app.call(token).status, 200)


@sentence('11', *LANGUAGES)
def _(language):
    with Example(language) as example:
        app = App(example)
        tokens = app.log_in()
        attempts = [
            (tokens['access_token'], 'access_token', 'true'),
            (tokens['access_token'], 'access_token', 'false'),
            (tokens['refresh_token'], 'refresh_token', 'true'),
            (tokens['refresh_token'], None, 'false'),
            ('unknown', None, 'false'),
            ('un.known.', 'access_token', 'false'),
            (app.log_in()['access_token'], None, 'true'),
        ]
        for token, hint, _ in attempts:
            equal(app.revoke(token, hint).status, 200)
        expected = [(sha256(token), hint or 'none', revoked) for token, hint, revoked in attempts]
        events = example.wait_for_events(len(expected))
        # Whether a second revocation of one token counts as revoked is the server's to say.
        equal([event[:2] for event in events], [event[:2] for event in expected])
        equal([event for i, event in enumerate(events) if i not in (1, 3)],
              [event for i, event in enumerate(expected) if i not in (1, 3)])


def check_forms(app, tokens):
    header = decode_part(tokens['access_token'], 0)
    equal((header['typ'].lower(), header['alg']), ('at+jwt', 'ES256'))
    keys = app.request('GET', '/jwks').json()['keys']
    check(header['kid'] in [key['kid'] for key in keys], 'the key is not published')
    claims = decode_part(tokens['access_token'], 1)
    equal((claims['sub'], claims['client_id'], claims['iss']), ('user', 'client-id', app.example.base))
    lacks(tokens['refresh_token'], '.')
    lacks(tokens['refresh_token'], 'eyJ')


@sentence('12', *LANGUAGES)
def _(language):
    with Example(language) as example:
        app = App(example)
        revoked, kept, ended = app.log_in(), app.log_in(), app.log_in()
        check_forms(app, revoked)
        equal(app.revoke(revoked['access_token']).status, 200)
        equal(app.revoke(ended['refresh_token']).status, 200)
        for how in (signal.SIGTERM, signal.SIGKILL):
            example.restart(how)
            equal(app.call(revoked['access_token']).status, 401)
            equal(app.call(ended['access_token']).status, 401)
            equal(app.call(kept['access_token']).status, 200)
        equal(app.refresh(ended['refresh_token']).status, 400)
        equal(app.refresh(revoked['refresh_token']).status, 200)
        equal(app.revoke(kept['access_token']).status, 200)
        example.restart(signal.SIGKILL)
        equal(app.call(kept['access_token']).status, 401, 'killed right after the answer')


if __name__ == '__main__':
    if '--sentences' in sys.argv:
        for number, text in SENTENCES.items():
            print('%s %s' % (number, text))
        sys.exit(0)
    sys.argv[1:] = ['parity/' + argument for argument in sys.argv[1:]]
    tap.main()
