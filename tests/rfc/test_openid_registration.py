#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenID Connect Dynamic Client Registration 1.0, keys and sectors that lie elsewhere, and rows D04 and G03 of the
threat table where clients name the address."""

import atexit
import json
import os
import socket
import tempfile
import threading

import rfc_path  # noqa: F401
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from elsewhere import Authority, Site, drip, http, section
from key_client import ASSERTION_TYPE, KeyClient, SecretClient, jwk_of
from registrar import ENABLED, WEB, initial_token, refused, register, registered, send
from tap import PATIENCE, check, contains, equal, lacks, main, one_of, test
from tessera_fixture import GRANTS, R1, Service, claims_of, default_clients, expect_client_refused, expect_error, expect_redirect_error, in_parallel, parameters_of

FIRST, SECOND, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
os.environ['TESSERA_TEST_HOSTS'] = 'sector.rp.test=127.0.0.1'
folder = tempfile.TemporaryDirectory(prefix='tessera-registration-')
atexit.register(folder.cleanup)
authority = Authority(folder.name)
POLICY = '[registration]\nopen=true\nrate=100000\ngrant-types=authorization_code;refresh_token;client_credentials\nscopes=openid;profile;offline_access;a\n\n'


def service(outbound=True, policy=POLICY, **options):
    sections = policy + (section(authority, **options) if outbound else '')
    return Service(endpoints=ENABLED, sections=sections)


class KeySite:
    """Where a client has its keys."""

    def __init__(self, *keys):
        self.publish(*keys)
        self.site = Site(authority, self._answer)
        self.uri = self.site.uri('/keys.json')

    def publish(self, *keys):
        self.keys = [jwk_of(key, kid=kid) for kid, key in keys]
        self.answer = None

    def _answer(self, question):
        if self.answer is not None:
            return self.answer
        return 200, 'application/jwk-set+json', json.dumps({'keys': self.keys})

    @property
    def asked(self):
        return len(self.site.questions)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.site.close()


def signer(s, uri, **changes):
    """A client that has its keys at @uri, and one of them here."""
    metadata = {'grant_types': ['client_credentials'], 'scope': 'a', 'token_endpoint_auth_method': 'private_key_jwt', 'jwks_uri': uri}
    return registered(s, dict(metadata, **changes))


def ask(s, client, key, kid, **options):
    assertion = KeyClient(client.id, [], key).assertion(s, {'kid': kid})
    fields = {'grant_type': 'client_credentials', 'scope': 'a', 'client_assertion_type': ASSERTION_TYPE, 'client_assertion': assertion}
    return s.form('/token', fields, source=options.get('source') or s.new_source())


@test('2: the application type decides which redirect URIs there may be')
def _(s):
    web, native = ('https://dyn.test/cb',), ('http://127.0.0.1/cb', 'http://[::1]:8080/cb', 'com.example.app:/cb', 'https://dyn.test/claimed')
    for uri in web:
        equal(register(s, {'redirect_uris': [uri], 'application_type': 'web'}).status, 201, uri)
    for uri in native:
        equal(register(s, {'redirect_uris': [uri], 'application_type': 'native'}).status, 201, uri)
    for uri in native[:3] + ('https://localhost/cb', 'https://LOCALHOST:8443/cb', 'https://127.0.0.1/cb', 'https://127.9.9.9/cb', 'https://[::1]/cb', 'https://x.localhost/cb', 'http://localhost/cb'):
        refused(register(s, {'redirect_uris': [uri], 'application_type': 'web'}), 'invalid_redirect_uri')
        if uri.startswith('https'):
            refused(register(s, {'redirect_uris': ['https://dyn.test/cb', uri]}), 'invalid_redirect_uri')
    for uris, expected in ((web, 'web'), (native[:3], 'native'), (web + native[3:], 'web')):
        equal(registered(s, {'redirect_uris': list(uris)}).metadata['application_type'], expected)
    equal(registered(s, {'grant_types': ['client_credentials'], 'scope': 'a'}).metadata['response_types'], [])


@test('2: what is registered is what holds: the algorithm of the ID token')
def _(s):
    for alg in ('RS256', 'ES256'):
        client = registered(s, scope='openid', id_token_signed_response_alg=alg)
        equal(client.metadata['id_token_signed_response_alg'], alg)
        token = s.tokens(client, scope='openid')['id_token']
        from tessera_fixture import header_of
        equal(header_of(token)['alg'], alg)
    refused(register(s, dict(WEB, id_token_signed_response_alg='none')))


@test('2: default_max_age asks for a login again, max_age of the request comes before it')
def _(s):
    client = registered(s, scope='openid', default_max_age=60, require_auth_time=True)
    equal((client.metadata['default_max_age'], client.metadata['require_auth_time']), (60, True))
    browser = s.new_browser()
    first = s.tokens(client, scope='openid', browser=browser)
    check('auth_time' in claims_of(first['id_token']), 'auth_time')
    silent = lambda **changes: parameters_of(browser.get(s.authorization_url(client, scope='openid', prompt='none', **changes)).location)  # noqa: E731
    check('code' in silent(), 'no code at once')
    s.advance(61)
    equal(silent().get('error'), 'login_required')
    check('code' in silent(max_age=3600), 'max_age of the request')
    zero = registered(s, scope='openid', default_max_age=0)
    equal(zero.metadata['default_max_age'], 0)


@test('2: a client is kept as it registered itself across a restart')
def _(s):
    told = {'default_max_age': 0, 'default_acr_values': ['mfa', 'pwd'], 'initiate_login_uri': 'https://dyn.test/login', 'client_name#de': 'Tagebuch',
            'contacts': ['a@dyn.test'], 'require_auth_time': True, 'post_logout_redirect_uris': ['https://dyn.test/out']}
    client = registered(s, **told)
    s.restart()
    again = client.read(s).json()
    equal({name: again[name] for name in told}, told)


def expect_no_keys(answer):
    """Nothing could be checked: nobody is to blame."""
    expect_error(answer, 'temporarily_unavailable', 503)
    check(answer.header('Retry-After'), 'Retry-After')


@test('keys of a client are read from its jwks_uri, once, and kept')
def _(s):
    with KeySite(('one', FIRST)) as place:
        client = signer(s, place.uri)
        equal(client.metadata['jwks_uri'], place.uri)
        equal(place.asked, 0)
        for _ in range(3):
            answer = ask(s, client, FIRST, 'one')
            equal(answer.status, 200, repr(answer.body))
        equal(place.asked, 1)
        equal(place.site.questions[0].method, 'GET')
        lacks(place.site.questions[0].headers, 'authorization')
        expect_client_refused(ask(s, client, STRANGER, 'one'))
        equal(place.asked, 1)


@test('who is registered to show a secret has nobody asked for keys by showing an assertion')
def _(s):
    with KeySite(('one', FIRST)) as place:
        client = signer(s, place.uri, token_endpoint_auth_method='client_secret_basic', request_object_signing_alg='ES256')
        expect_client_refused(ask(s, client, FIRST, 'one'))
        equal(place.asked, 0)


@test('who signs with a secret needs no keys: nobody is asked for any')
def _(s):
    policy = POLICY.replace('open=true\n', 'open=true\nauth-methods=client_secret_jwt\n')
    other = service(policy=policy)
    try:
        other.start()
        with KeySite(('one', FIRST)) as place:
            client = signer(other, place.uri, token_endpoint_auth_method='client_secret_jwt', request_object_signing_alg='ES256')
            signs = SecretClient(client.id, secret=client.metadata['client_secret'])
            signs.service = other
            equal(other.client_credentials(signs).status, 200)
            forged = signs.assertion(other, {'kid': 'unknown'}, secret='x' * 64)
            expect_client_refused(other.form('/token', {'grant_type': 'client_credentials', 'client_assertion_type': ASSERTION_TYPE, 'client_assertion': forged}))
            equal(place.asked, 0)
    finally:
        other.stop()


@test('D04: a key that is not known is looked for, at most once a minute, however many are named')
def _(s):
    with KeySite(('one', FIRST)) as place:
        client = signer(s, place.uri)
        equal(ask(s, client, FIRST, 'one').status, 200)
        place.publish(('one', FIRST), ('two', SECOND))
        for number in range(5):
            expect_client_refused(ask(s, client, STRANGER, 'other-%d' % number))
        equal(place.asked, 1)
        s.advance(61)
        equal(ask(s, client, SECOND, 'two').status, 200)
        equal(place.asked, 2)
        for number in range(5):
            expect_client_refused(ask(s, client, STRANGER, 'more-%d' % number))
        equal(place.asked, 2)


@test('a key that a client withdraws is not good for longer than ten minutes')
def _(s):
    with KeySite(('one', FIRST), ('two', SECOND)) as place:
        client = signer(s, place.uri)
        equal(ask(s, client, FIRST, 'one').status, 200)
        place.publish(('two', SECOND))
        s.advance(601)
        expect_client_refused(ask(s, client, FIRST, 'one'))
        equal(ask(s, client, SECOND, 'two').status, 200)


@test('while keys cannot be read again, those of before are good for a day')
def _(s):
    with KeySite(('one', FIRST)) as place:
        client = signer(s, place.uri)
        equal(ask(s, client, FIRST, 'one').status, 200)
        place.answer = (500, 'text/plain', 'x')
        s.advance(3600)
        equal(ask(s, client, FIRST, 'one').status, 200)
        s.advance(86400)
        source = s.new_source()
        for _ in range(15):
            expect_no_keys(ask(s, client, FIRST, 'one', source=source))
        place.answer = None
        s.advance(61)
        equal(ask(s, client, FIRST, 'one', source=source).status, 200)


@test('many who ask at once have the keys read once')
def _(s):
    with KeySite(('one', FIRST)) as place:
        client = signer(s, place.uri)
        sources = [s.new_source() for _ in range(12)]
        statuses = in_parallel(12, lambda number: ask(s, client, FIRST, 'one', source=sources[number]).status)
        equal((statuses, place.asked), ([200] * 12, 1))


@test('G03: what comes from a jwks_uri is believed only if it is a key set without secrets, of its kind and size')
def _(s):
    good = json.dumps({'keys': [jwk_of(FIRST, kid='one')]})
    private = json.dumps({'keys': [jwk_of(FIRST, kid='one', d='AQAB')]})
    many = json.dumps({'keys': [jwk_of(FIRST, kid='one')] * 50})
    for answer in ((200, 'text/html', good), (404, 'application/json', good), (302, 'application/json', good), (200, 'application/json', private), (200, 'application/json', many),
                   (200, 'application/json', '[' * 60000), (200, 'application/json', good + ' ' * 70000), (200, 'application/json', b'\xff'), http(302, None, '', 'Location: https://127.0.0.1/')):
        with KeySite(('one', FIRST)) as place:
            place.answer = answer
            client = signer(s, place.uri)
            expect_no_keys(ask(s, client, FIRST, 'one'))
    equal(s.get('/jwks').status, 200)


@test('G03: a jwks_uri that drips, hangs or never ends holds up nobody, and not for long')
def _(s):
    def wait(connection):
        connection.settimeout(10 * PATIENCE)
        while connection.recv(4096):
            pass

    dripping = Site(authority, talk=lambda connection: drip(connection, b'HTTP/1.1 200 OK\r\n', patience=10 * PATIENCE))
    silent = Site(authority, talk=wait)
    try:
        for site in (dripping, silent):
            client = signer(s, site.uri('/keys'))
            result = []
            thread = threading.Thread(target=lambda: result.append(ask(s, client, FIRST, 'one')))
            thread.start()
            equal(s.client_credentials(s.c1).status, 200)
            thread.join(PATIENCE)
            check(result, 'it waits still')
            expect_no_keys(result[0])
    finally:
        dripping.close()
        silent.close()


@test('G03: nobody goes inside for a client: not one connection arrives')
def _(s):
    other = service(allowed=())
    listeners = []
    try:
        other.start()
        for family, address in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
            listener = socket.socket(family)
            listener.bind((address, 0))
            listener.listen(8)
            listener.setblocking(False)
            listeners.append(listener)
        port = listeners[0].getsockname()[1]
        hosts = ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0x7f000001', '0177.0.0.1', '0.0.0.0', '127.1', '10.0.0.1', '169.254.169.254', '192.168.0.1', '[fe80::1]', '[::1]']
        for host in hosts:
            uri = 'https://%s:%d/keys' % (host, listeners[1].getsockname()[1] if host == '[::1]' else port)
            answer = register(other, {'grant_types': ['client_credentials'], 'scope': 'a', 'token_endpoint_auth_method': 'private_key_jwt', 'jwks_uri': uri})
            if answer.status == 201:
                from registrar import Registered
                expect_no_keys(ask(other, Registered(answer), FIRST, 'one'))
            one_of(register(other, dict(WEB, sector_identifier_uri=uri)).status, (400,))
        for listener in listeners:
            try:
                listener.accept()
                check(False, 'somebody came')
            except BlockingIOError:
                pass
    finally:
        for listener in listeners:
            listener.close()
        other.stop()


@test('5: a sector identifier names all redirect URIs, or the client is not registered')
def _(s):
    uris = ['https://one.test/cb', 'https://two.test/cb']
    document = [None]
    site = Site(authority, lambda question: document[0])
    try:
        metadata = {'redirect_uris': uris, 'sector_identifier_uri': site.uri('/sector.json', 'sector.rp.test')}
        for bad in ((200, 'application/json', json.dumps(uris[:1])), (200, 'application/json', '{}'), (200, 'application/json', '[] , "x": 1'), (200, 'text/html', json.dumps(uris)),
                    (404, 'application/json', json.dumps(uris)), (200, 'application/json', '[' * 50000), (200, 'application/json', ''), (200, 'application/json', '["https://one.test/cb" "https://two.test/cb"]')):
            document[0] = bad
            refused(register(s, metadata))
        document[0] = (200, 'application/json', json.dumps(uris + ['https://three.test/cb']))
        client = registered(s, metadata)
        equal(client.metadata['sector_identifier_uri'], metadata['sector_identifier_uri'])
        # It is looked at again when the client replaces its redirect URIs.
        refused(client.replace(s, dict(metadata, redirect_uris=['https://four.test/cb'])))
        equal(client.replace(s, dict(metadata, redirect_uris=['https://three.test/cb'])).status, 200)
    finally:
        site.close()


@test('5: at most two sectors are looked at at once, and keys are read meanwhile')
def _(s):
    stop = threading.Event()
    uris = ['https://one.test/cb']
    site = Site(authority, lambda question: stop.wait(10) is None or (200, 'application/json', json.dumps(uris)))
    metadata = {'redirect_uris': uris, 'sector_identifier_uri': site.uri('/sector.json', 'sector.rp.test')}
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(register(s, metadata, source=s.new_source()).status)) for _ in range(2)]
    try:
        for thread in threads:
            thread.start()
        site.wait_for_connections(2)
        for _ in range(5):
            expect_error(register(s, metadata), 'temporarily_unavailable', 503)
        with KeySite(('one', FIRST)) as place:
            equal(ask(s, signer(s, place.uri), FIRST, 'one').status, 200)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        equal((statuses, site.connects), ([201] * 2, 2))
        equal(register(s, metadata).status, 201)
    finally:
        stop.set()
        site.close()


@test('5: who sends us to a sector has used an attempt, with a token too')
def _(s):
    site = Site(authority, (200, 'application/json', json.dumps(WEB['redirect_uris'])))
    other = service(policy='[registration]\nrate=5\n\n')
    try:
        other.start()
        token, source = initial_token(other, '--uses', '20')[1], other.new_source()
        metadata = dict(WEB, sector_identifier_uri=site.uri('/sector.json', 'sector.rp.test'))
        statuses = [register(other, metadata, token, source=source).status for _ in range(8)]
        check(statuses[:5] == [201] * 5 and statuses[-1] == 429, statuses)
        equal([register(other, WEB, token, source=other.new_source()).status for _ in range(2)], [201] * 2)
    finally:
        site.close()
        other.stop()


@test('of two who replace with one token at the same moment one comes too late')
def _(s):
    both = threading.Barrier(2)
    site = Site(authority, lambda question: both.wait(10) is None or (200, 'application/json', json.dumps(['https://one.test/cb'])))
    try:
        client = registered(s, {'redirect_uris': ['https://one.test/cb']})
        body = {'client_id': client.id, 'redirect_uris': ['https://one.test/cb'], 'sector_identifier_uri': site.uri('/sector.json', 'sector.rp.test')}
        # Both have shown a good token; then both wait for the document.
        sources = [s.new_source(), s.new_source()]
        answers = in_parallel(2, lambda number: send(s, 'PUT', client.path(s), dict(body, client_name='Name %d' % number), client.token, source=sources[number]))
        equal(sorted(answer.status for answer in answers), [200, 401])
    finally:
        site.close()


@test('a refusal says nothing of what is at an address, or whether anything is')
def _(s):
    site = Site(authority, (500, 'text/plain', 'inside'))
    try:
        told = {refused(register(s, dict(WEB, sector_identifier_uri=uri))).body for uri in (site.uri('/x', 'sector.rp.test'), 'https://sector.rp.test:1/', 'https://nowhere.invalid/')}
        equal(len(told), 1, repr(told))
    finally:
        site.close()


@test('request objects are checked with the keys at the jwks_uri')
def _(s):
    with KeySite(('one', FIRST)) as place:
        client = registered(s, {'redirect_uris': ['https://dyn.test/cb'], 'scope': 'openid', 'jwks_uri': place.uri, 'request_object_signing_alg': 'ES256'})
        now = int(s.now())
        fields = parameters_of(s.authorization_url(client, scope='openid'))
        for key, good in ((FIRST, True), (STRANGER, False)):
            text = KeyClient(client.id, [], key).sign(dict(fields, iss=client.id, aud=s.issuer, exp=now + 60, iat=now), {'kid': 'one', 'typ': 'oauth-authz-req+jwt'})
            answer = s.get(s.authorization_url(client, scope='openid', request=text))
            if good:
                check(answer.status == 303 and '/login' in answer.location, repr(answer))
            else:
                contains(answer.location, 'invalid_request_object')
        equal(place.asked, 1)


@test('a request object that cannot be checked because the jwks_uri cannot be read is not called bad')
def _(s):
    with KeySite(('one', FIRST)) as place:
        place.answer = (500, 'text/plain', 'x')
        client = registered(s, {'redirect_uris': ['https://dyn.test/cb'], 'scope': 'openid', 'jwks_uri': place.uri, 'request_object_signing_alg': 'ES256'})

        def request():
            fields, now = parameters_of(s.authorization_url(client, scope='openid')), int(s.now())
            text = KeyClient(client.id, [], FIRST).sign(dict(fields, iss=client.id, aud=s.issuer, exp=now + 60, iat=now), {'kid': 'one', 'typ': 'oauth-authz-req+jwt'})
            return s.get(s.authorization_url(client, scope='openid', request=text))
        expect_redirect_error(s, request(), 'temporarily_unavailable', 'https://dyn.test/cb')
        # What is no JWT at all is bad, whatever the keys are.
        answer = s.get(s.authorization_url(client, scope='openid', request='a.b.c'))
        expect_redirect_error(s, answer, 'invalid_request_object', 'https://dyn.test/cb')
        place.answer = None
        s.advance(61)
        check('/login' in request().location, 'the keys can be read again')


if __name__ == '__main__':
    main(service)
