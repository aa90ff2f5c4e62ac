#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library through its introspection data: what an application in Python does, in one process with
its server. A wrong annotation shows here."""

import base64
import hashlib
import json
import os
import secrets
import sys
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

import gi

gi.require_version('Soup', '3.0')
gi.require_version('Tessera', '1')
from gi.repository import GLib, GObject, Soup, Tessera

import tap
from browser import Browser
from tap import check, contains, equal, test

REDIRECT = 'http://127.0.0.1:9/cb'
GRANTS = ['authorization_code', 'refresh_token', 'client_credentials']
SECRET = 'a-secret-of-sixteen-bytes-and-more'


def in_thread(function, *arguments):
    """What @function returns, which talks to our own server: it runs in a thread, the loop here."""
    result = []

    def run():
        try:
            result.append((function(*arguments), None))
        except Exception as error:
            result.append((None, error))
        GLib.idle_add(lambda: None)

    thread = threading.Thread(target=run)
    thread.start()
    while not result:
        GLib.MainContext.default().iteration(True)
    thread.join()
    value, error = result[0]
    if error:
        raise error
    return value


class Service:
    """A server with a guard, on a free port."""

    def __init__(self, **client):
        self.soup = Soup.Server()
        self.soup.listen_local(0, Soup.ServerListenOptions.IPV4_ONLY)
        self.base = 'http://127.0.0.1:%d' % self.soup.get_uris()[0].get_port()
        self.tessera = Tessera.Server.new_in_memory(self.base)
        properties = dict(id='app', name='App', secret=SECRET, redirect_uris=[REDIRECT], grant_types=GRANTS,
                          refresh_tokens=True, scope='read write')
        properties.update(client)
        self.tessera.add_client_object(Tessera.Client(**properties))
        self.tessera.attach(self.soup)
        self.guard = Tessera.BearerDomain.new(self.tessera)
        self.soup.add_auth_domain(self.guard)
        self.soup.add_handler('/', self.on_request)
        self.seen = None

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.tessera.detach(self.soup)
        self.soup.disconnect()
        self.tessera.close()

    def on_request(self, server, message, path, query, *data):
        self.seen = Tessera.get_access_token(message)
        message.set_status(200, None)

    def post(self, path, **fields):
        pair = base64.b64encode(('app:' + SECRET).encode()).decode()
        return in_thread(Browser(self.base).post, path, fields, {'Authorization': 'Basic ' + pair})

    def get(self, path, token=None):
        return in_thread(Browser(self.base).get, path, {'Authorization': 'Bearer ' + token} if token else {})

    def own_token(self, **fields):
        response = self.post('/token', grant_type='client_credentials', **fields)
        equal(response.status, 200, repr(response))
        return response.json()['access_token']

    def log_in(self, username='user', password='secret', answers=()):
        """The answer to the client, or the page in the way."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b'=').decode()
        response = in_thread(Browser(self.base).authorize, '/authorize?' + urllib.parse.urlencode({
            'response_type': 'code', 'client_id': 'app', 'redirect_uri': REDIRECT, 'code_challenge': challenge,
            'code_challenge_method': 'S256'}), username, password, 'allow', answers)
        if response.location is None:
            return response
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(response.location).query)['code'][0]
        return self.post('/token', grant_type='authorization_code', code=code, redirect_uri=REDIRECT,
                         code_verifier=verifier).json()


def quietly(function, *arguments):
    """Without the traceback that PyGObject prints for an exception in a handler."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        return function(*arguments)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


@test('bindings/errors are those of the library')
def _():
    tessera = Tessera.Server.new_in_memory('http://127.0.0.1:1')
    tessera.add_client('App', '', 'app', SECRET, 3600, True, None)
    try:
        tessera.add_client('App', '', 'app', SECRET, 3600, True, None)
        check(False, 'an identifier was given twice')
    except GLib.Error as error:
        check(error.matches(Tessera.setup_error_quark(), Tessera.SetupError.EXISTS), repr(error))
    tessera.close()


@test('bindings/waiting for the server')
def _():
    tessera = Tessera.Server.new_in_memory('http://127.0.0.1:1')
    done = []
    tessera.wait_ready_async(None, lambda server, result: done.append(server.wait_ready_finish(result)))
    while not done:
        GLib.MainContext.default().iteration(True)
    equal(done, [True])
    check(tessera.is_ready() and tessera.wait_ready(), 'not ready')
    equal([line.split()[1:] for line in tessera.list_keys()], [['ES256', 'active'], ['ES256', 'next']])
    tessera.close()


@test('bindings/registering a client returns its id and secret')
def _():
    tessera = Tessera.Server.new_in_memory('http://127.0.0.1:1')
    tessera.wait_ready()
    client_id, secret = tessera.register_client(Tessera.Client(
        name='New', token_endpoint_auth_method='client_secret_basic', redirect_uris=['https://new.test/cb']))
    check(len(secret) > 32, 'the secret is short')
    equal(tessera.lookup_client(client_id).get_redirect_uris(), ['https://new.test/cb'])
    done = []
    tessera.register_client_async(Tessera.Client(name='Next', redirect_uris=['https://next.test/cb']), None,
                                  lambda server, result: done.append(server.register_client_finish(result)))
    while not done:
        GLib.MainContext.default().iteration(True)
    equal((tessera.lookup_client(done[0][0]).get_name(), done[0][1]), ('Next', None))
    equal(tessera.remove_client(client_id), True)
    equal(tessera.lookup_client(client_id), None)
    tessera.close()


@test('bindings/replacing clients takes a list')
def _():
    with Service() as service:
        clients = [Tessera.Client(id=name, secret=SECRET, grant_types=['client_credentials']) for name in ('one', 'two')]
        service.tessera.replace_clients(clients)
        equal(service.tessera.lookup_client('app'), None)
        equal(service.tessera.lookup_client('two').get_id(), 'two')


@test('bindings/a handler decides a login')
def _():
    with Service() as service:
        seen = []

        def on_authenticate(tessera, login):
            seen.append((login.get_username(), login.get_password(), login.get_client().get_id(), login.get_scopes(),
                         login.get_remote_address()))
            login.accept('somebody')

        service.tessera.connect('authenticate', on_authenticate)
        tokens = service.log_in('user', 'pass word')
        equal(seen[0][:3], ('user', 'pass word', 'app'))
        equal((seen[0][3], seen[0][4]), (['read', 'write'], '127.0.0.1'))
        equal(service.get('/', tokens['access_token']).status, 200)
        token = service.seen
        equal((token.get_subject(), token.get_client_id(), token.get_audience()), ('somebody', 'app', [service.base]))
        equal(json.loads(token.dup_claims_json())['jti'], token.get_id())
        check(token.has_scope('write') and not token.has_scope('delete'), token.get_scope())
        equal(token.get_expires_at() - token.get_issued_at(), 600)


@test('bindings/an exception in the handler denies the login')
def _():
    with Service() as service:
        def on_authenticate(tessera, login):
            raise RuntimeError('the directory cannot be reached')

        service.tessera.connect('authenticate', on_authenticate)
        response = quietly(service.log_in)
        check(response.page.form_with('password'), 'logged in: %r' % response)


@test('bindings/a handler that forgets its verdict denies the login')
def _():
    with Service() as service:
        service.tessera.connect('authenticate', lambda tessera, login: True)
        response = quietly(service.log_in)
        check(response.page.form_with('password'), 'logged in: %r' % response)


@test('bindings/a login can be held and decided in a thread')
def _():
    with Service() as service:
        def on_authenticate(tessera, login):
            login.hold()
            threading.Thread(target=login.accept_with, args=('later', 'urn:acr', ['pwd', 'otp'])).start()

        service.tessera.connect('authenticate', on_authenticate)
        service.get('/', service.log_in()['access_token'])
        equal(service.seen.get_subject(), 'later')
        claims = json.loads(service.seen.dup_claims_json())
        equal((claims['acr'], claims['amr']), ('urn:acr', ['pwd', 'otp']))


@test('bindings/a login asks for a one-time code, and says what is known of the person')
def _():
    with Service() as service:
        seen, known = [], []
        claims = {'name': GLib.Variant('s', 'Alice'), 'roles': GLib.Variant('as', ['a', 'b']),
                  'address': GLib.Variant('a{sv}', {'country': GLib.Variant('s', 'XX')}), 'n': GLib.Variant('u', 7)}

        def on_authenticate(tessera, login):
            seen.append((login.get_id(), login.get_step(), login.get_password(), login.get_answer(), login.get_username()))
            if login.get_step() == 0:
                login.ask('Which number?' if login.get_username() == 'other' else None, False)
            elif login.get_answer() == '123456':
                login.accept_full('somebody', 'urn:two', ['pwd', 'otp'], GLib.Variant('a{sv}', claims))
            else:
                login.deny()

        def on_issue(tessera, issuance):
            known.append(issuance.get_login_claims())
            if known[-1]:
                issuance.add_claim('name', known[-1].unpack()['name'])

        service.tessera.connect('authenticate', on_authenticate)
        service.tessera.connect('issue-token', on_issue)
        check(service.log_in(answers=['654321']).page.form_with('password'), 'logged in')
        contains(service.log_in('other').text, 'Which number?')
        del seen[:]
        tokens = service.log_in(answers=['123456'])
        (first, *steps), (second, *others) = seen
        equal(steps, [0, 'secret', None, 'user'])
        equal(others, [1, None, '123456', 'user'])
        check(first == second and len(first) >= 22, repr(seen))
        service.get('/', tokens['access_token'])
        token = json.loads(service.seen.dup_claims_json())
        equal((token['sub'], token['acr'], token['amr'], token['name']), ('somebody', 'urn:two', ['pwd', 'otp'], 'Alice'))
        check('roles' not in token, repr(token))
        equal(known[0].get_type_string(), 'a{sv}')
        equal(known[0].unpack(), {'name': 'Alice', 'roles': ['a', 'b'], 'address': {'country': 'XX'}, 'n': 7})
        service.post('/token', grant_type='refresh_token', refresh_token=tokens['refresh_token'])
        service.own_token()
        equal([claims and claims.unpack()['name'] for claims in known], ['Alice', 'Alice', None])


@test('bindings/claims can be added and scopes narrowed before signing')
def _():
    with Service() as service:
        def on_issue(tessera, issuance):
            equal((issuance.get_subject(), issuance.get_client().get_id(), issuance.get_grant_type()),
                  ('app', 'app', 'client_credentials'))
            issuance.add_claim('tenant', 'blue')
            check(issuance.add_claims_json('{"level":3}'), 'claims refused')
            check(issuance.narrow_scope('read'), 'scope refused')

        service.tessera.connect('issue-token', on_issue)
        service.get('/', service.own_token())
        equal(service.seen.get_scope(), 'read')
        equal(service.seen.get_claim('tenant'), 'blue')
        equal(json.loads(service.seen.dup_claims_json())['level'], 3)


@test('bindings/a page can be replaced and a request answered')
def _():
    with Service() as service:
        service.tessera.connect('render-page', lambda tessera, page: page.set_html('<p>%s' % page.get_name()))
        equal(service.get('/logout').text, '<p>signed-out')

        def on_request(tessera, request):
            if request.get_path() == '/jwks':
                equal((request.get_method(), request.get_remote_address()), ('GET', '127.0.0.1'))
                request.respond(418, 'text/plain', 'teapot')

        service.tessera.connect('before-request', on_request)
        response = service.get('/jwks')
        equal((response.status, response.text), (418, 'teapot'))


@test('bindings/revoking tells what it did')
def _():
    with Service() as service:
        events = []
        service.tessera.connect('after-revoke-token', lambda tessera, revocation: events.append(
            (revocation.get_token(), revocation.get_revoked(), revocation.get_kind(), revocation.get_cause())))
        token = service.own_token()
        equal(service.tessera.revoke_token('unknown', None), (True, False))
        equal(service.tessera.revoke_token(token, 'access_token'), (True, True))
        equal(service.get('/', token).status, 401)
        done = []
        other = service.own_token()
        service.tessera.revoke_token_async(other, None, None, lambda server, result: done.append(server.revoke_token_finish(result)))
        while not done:
            GLib.MainContext.default().iteration(True)
        equal(done, [(True, True)])
        equal(service.get('/', other).status, 401)
        for token, revoked, kind, cause in events:
            equal(cause, Tessera.RevocationCause.API)
        equal([event[:3] for event in events], [
            ('unknown', False, Tessera.RevocationKind.NONE),
            (events[1][0], True, Tessera.RevocationKind.ACCESS_TOKEN),
            (other, True, Tessera.RevocationKind.ACCESS_TOKEN)])
        equal(service.tessera.revoke_client('app'), True)
        equal(len(service.tessera.get_store_counts()), 2)


@test('bindings/the guard asks a handler that may narrow')
def _():
    with Service() as service:
        token = service.own_token()
        service.guard.props.scope = 'read'
        refusals = []
        service.guard.connect('unauthorized', lambda guard, message, error: refusals.append(error))
        handler = service.guard.connect('token-validated', lambda guard, token, message: token.has_scope('write'))
        equal(service.get('/', token).status, 200)
        equal(service.get('/', service.own_token(scope='read')).status, 403)
        equal(service.get('/').status, 401)
        equal(refusals, ['insufficient_scope', None])
        service.guard.disconnect(handler)
        service.guard.connect('token-validated', lambda *arguments: 1 // 0)
        equal(quietly(service.get, '/', token).status, 403, 'an exception in the handler')


@test('bindings/one server is attached to several HTTP servers')
def _():
    with Service() as service:
        other = Soup.Server()
        other.listen_local(0, Soup.ServerListenOptions.IPV4_ONLY)
        base = 'http://127.0.0.1:%d' % other.get_uris()[0].get_port()
        service.tessera.attach(other)
        other.add_auth_domain(service.guard)
        other.add_handler('/', service.on_request)
        equal(in_thread(Browser(base).get, '/jwks').status, 200)
        equal(in_thread(Browser(base).get, '/').status, 401)
        bearer = {'Authorization': 'Bearer ' + service.own_token()}
        equal(in_thread(Browser(base).get, '/', bearer).status, 200)
        service.tessera.detach(other)
        equal(in_thread(Browser(base).get, '/jwks', bearer).body, b'')
        equal(service.get('/jwks').status, 200)
        other.disconnect()


class Checker(GObject.Object, Tessera.TokenChecker):
    """Somebody else's idea of who may come in."""

    def __init__(self, token):
        super().__init__()
        self.token = token
        self.good = True

    def do_check(self, text, audience):
        if self.good and text == 'sesame':
            return self.token
        raise GLib.Error.new_literal(Tessera.error_quark(), 'Not the word', Tessera.Error.INVALID_TOKEN)

    def do_recheck(self, token):
        return self.good, False

    def do_is_ready(self):
        return True


@test('bindings/a checker can be written in Python')
def _():
    with Service() as service:
        service.get('/', service.own_token())
        checker = Checker(service.seen)
        service.soup.remove_auth_domain(service.guard)
        guard = Tessera.BearerDomain.new(checker)
        service.soup.add_auth_domain(guard)
        equal(service.get('/', 'sesame').status, 200)
        response = service.get('/', 'other')
        equal(response.status, 401)
        contains(response.header('WWW-Authenticate'), 'Not the word')
        equal(Tessera.TokenChecker.recheck(checker, service.seen), (True, False))


if __name__ == '__main__':
    tap.main()
