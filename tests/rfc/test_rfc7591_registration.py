#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Dynamic client registration (RFC 7591), and rows A30, G01, G02, G04, G05 and G08 of the threat table."""

import html
import json

import rfc_path  # noqa: F401
from administrator import command
from cryptography.hazmat.primitives.asymmetric import ec
from key_client import ASSERTION_TYPE, KeyClient, jwk_of
from registrar import ENABLED, WEB, Registered, consent_page, expect_bad_token, initial_token, open_service, refused, register, registered, send
from tap import check, contains, equal, lacks, main, test
from tessera_fixture import Service, expect_client_refused, expect_error, expect_redirect_error, in_parallel

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_KEYS = {'keys': [jwk_of(KEY, kid='one', use='sig', alg='ES256')]}
DANGEROUS = ['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'blob:https://x.test/1', 'myapp:/cb', 'com.example.app:cb',
             'https://user@dyn.test/cb', 'https://dyn.test/cb#f', 'https://*.dyn.test/cb', 'http://dyn.test/cb', 'https://', 'dyn.test/cb', '', 'https://dyn.test/ x']


def closed():
    return Service(endpoints=ENABLED, sections='[registration]\nrate=100000\n')


@test('G01: registration is off: there is no endpoint, and the metadata do not speak of one')
def _(s):
    other = Service()
    try:
        other.start()
        equal(register(other).status, 404)
        lacks(other.get('/.well-known/openid-configuration').json(), 'registration_endpoint')
        lacks(other.get('/.well-known/oauth-authorization-server').json(), 'registration_endpoint')
    finally:
        other.stop()


@test('8414 2: where it is on, the metadata name it')
def _(s):
    for place in ('/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'):
        equal(s.get(place).json()['registration_endpoint'], s.issuer + '/register')


@test('G01: without an initial access token nobody registers')
def _(s):
    answer = expect_bad_token(register(s))
    lacks(answer.header('WWW-Authenticate'), 'error=')
    for token in ('wrong', 'tia_' + 'x' * 43, ''):
        contains(expect_bad_token(register(s, token=token)).header('WWW-Authenticate'), 'invalid_token')
        # Before anything else is looked at: what is wrong with a body is told to who may register.
        expect_bad_token(register(s, b'{', token=token))
    equal(send(s, 'POST', '/register', WEB, headers={'Authorization': s.c1.basic()}).status, 401)


@test('7591 3.1: who has an initial access token registers a client, and gets all that was registered')
def _(s):
    _, token = initial_token(s)
    before = int(s.now())
    answer = register(s, dict(WEB, contacts=['ann@dyn.test'], software_id='diary', software_version='1.2', unknown_member=['x'], client_id='mine', client_secret='mine'), token)
    equal(answer.status, 201, repr(answer.body))
    equal(answer.header('Cache-Control'), 'no-store')
    told = answer.json()
    equal({name: told[name] for name in ('redirect_uris', 'client_name', 'grant_types', 'response_types', 'token_endpoint_auth_method', 'application_type', 'contacts', 'software_id', 'software_version', 'scope')},
          dict(WEB, grant_types=['authorization_code'], response_types=['code'], token_endpoint_auth_method='client_secret_basic', application_type='web',
               contacts=['ann@dyn.test'], software_id='diary', software_version='1.2', scope='openid profile email address phone offline_access'))
    check(told['client_id'] != 'mine' and told['client_secret'] != 'mine', 'the server chooses')
    check(before <= told['client_id_issued_at'] <= int(s.now()) + 1, told['client_id_issued_at'])
    equal(told['client_secret_expires_at'], 0)
    equal(told['registration_client_uri'], '%s/register/%s' % (s.issuer, told['client_id']))
    check(len(told['registration_access_token']) > 40, 'a registration access token')
    lacks(told, 'unknown_member')
    check(type(told['id_token_signed_response_alg']) is str, told)


@test('An initial access token is used as often as it may be, and no more, however many come at once')
def _(s):
    _, token = initial_token(s, '--uses', '3')
    sources = [s.new_source() for _ in range(12)]
    answers = in_parallel(12, lambda number: register(s, token=token, source=sources[number]).status)
    equal(sorted(answers), [201] * 3 + [401] * 9)


@test('What is refused does not use an initial access token up')
def _(s):
    _, token = initial_token(s)
    refused(register(s, {'redirect_uris': ['javascript:x']}, token), 'invalid_redirect_uri')
    refused(register(s, b'{', token))
    equal(register(s, token=token).status, 201)
    expect_bad_token(register(s, token=token))


@test('An initial access token expires')
def _(s):
    _, token = initial_token(s, '--lifetime', '60', '--uses', '0')
    equal(register(s, token=token).status, 201)
    s.advance(61)
    expect_bad_token(register(s, token=token))


@test('An administrator lists initial access tokens without the tokens, and revokes one at once')
def _(s):
    identifier, token = initial_token(s, '--note', 'wiki, Ann', '--uses', '5')
    equal(register(s, token=token).status, 201)
    said = command(s, 'initial-token', 'list', '--json')
    entry = next(entry for entry in json.loads(said) if entry['id'] == identifier)
    equal((entry['note'], entry['uses'], entry['max_uses']), ('wiki, Ann', 1, 5))
    check(abs(entry['expires_at'] - s.now() - 7 * 86400) < 60, entry)
    lacks(said, token)
    command(s, 'initial-token', 'revoke', identifier)
    expect_bad_token(register(s, token=token))
    lacks(command(s, 'initial-token', 'list', '--json'), identifier)
    check(_fails(s, 'initial-token', 'revoke', identifier), 'revoked twice')


def _fails(s, *words):
    try:
        command(s, *words)
    except RuntimeError:
        return True
    return False


@test('Tokens and clients survive a restart; no secret is in the database in clear')
def _(s):
    _, token = initial_token(s, '--uses', '2')
    client = registered(s, token=token)
    s.restart()
    equal(client.read(s).status, 200)
    equal(register(s, token=token).status, 201)
    expect_bad_token(register(s, token=token))
    dump = '\n'.join(s.database_copy().iterdump())
    for secret in (token, client.token, client.secret):
        lacks(dump, secret)
        lacks(s.log.decode('utf-8', 'replace'), secret)


@test('A token that comes must be good, also where none is needed')
def _(s):
    other = open_service()
    try:
        other.start()
        equal(register(other).status, 201)
        expect_bad_token(register(other, token='wrong'))
    finally:
        other.stop()


@test('A registered client logs people in, refreshes, and is asked for consent')
def _(s):
    _, token = initial_token(s)
    client = registered(s, token=token, grant_types=['authorization_code', 'refresh_token'], scope='openid profile offline_access')
    contains(consent_page(s, client).text, 'Dynamic Diary')
    answer = s.tokens(client, scope='openid offline_access')
    check('id_token' in answer, answer)
    equal(s.refresh(answer['refresh_token'], client).status, 200)
    expect_client_refused(s.refresh(answer['refresh_token'], client_with(client, 'wrong-secret-of-some-length')))


def client_with(client, secret):
    other = Registered(dict(client.metadata))
    other.secret = secret
    return other


@test('7591 2: a public client has no secret, and needs PKCE')
def _(s):
    client = registered(s, token=initial_token(s)[1], token_endpoint_auth_method='none', redirect_uris=['http://127.0.0.1/cb'])
    lacks(client.metadata, 'client_secret')
    lacks(client.metadata, 'client_secret_expires_at')
    equal(client.metadata['application_type'], 'native')
    expect_redirect_error(s, s.az(client, scope='openid', code_challenge=None, code_challenge_method=None), 'invalid_request', 'http://127.0.0.1/cb')


@test('PKCE is asked of confidential clients too, unless the policy leaves it to them')
def _(s):
    client = registered(s, token=initial_token(s)[1])
    expect_redirect_error(s, s.az(client, scope='openid', code_challenge=None, code_challenge_method=None), 'invalid_request', client.redirect_uri)
    other = open_service('require-pkce=false\n')
    try:
        other.start()
        lax = registered(other)
        check('code' in other.approve(lax, scope='openid', code_challenge=None, code_challenge_method=None, browser=other.new_browser()), 'no code')
        public = registered(other, token_endpoint_auth_method='none', redirect_uris=['http://127.0.0.1/cb'])
        expect_redirect_error(other, other.az(public, scope='openid', code_challenge=None, code_challenge_method=None), 'invalid_request', 'http://127.0.0.1/cb')
    finally:
        other.stop()


@test('A30 G02: dangerous redirect URIs are refused, here and after a logout')
def _(s):
    other = open_service()
    try:
        other.start()
        for uri in DANGEROUS:
            answer = register(other, dict(WEB, redirect_uris=['https://dyn.test/cb', uri]))
            check(answer.status == 400 and answer.json()['error'] in ('invalid_redirect_uri', 'invalid_client_metadata'), '%r: %r' % (uri, answer))
            if uri:
                refused(register(other, dict(WEB, redirect_uris=[uri])), 'invalid_redirect_uri')
                refused(register(other, dict(WEB, post_logout_redirect_uris=[uri])), 'invalid_redirect_uri')
        refused(register(other, {'client_name': 'x'}), 'invalid_redirect_uri')
        refused(register(other, {'redirect_uris': []}), 'invalid_redirect_uri')
        equal(register(other, dict(WEB, redirect_uris=['com.example.app:/cb'])).status, 201)
    finally:
        other.stop()


@test('G02: addresses that are shown or read are https, each of them')
def _(s):
    other = open_service()
    try:
        other.start()
        for name in ('client_uri', 'logo_uri', 'policy_uri', 'tos_uri', 'jwks_uri', 'sector_identifier_uri', 'initiate_login_uri'):
            for uri in ('http://169.254.169.254/', 'javascript:alert(1)', 'https://user@x.test/', 'ftp://x.test/', '/x', 'https://x.test/#f', 'https://exa mple.test/', 7, ['https://x.test/']):
                refused(register(other, dict(WEB, **{name: uri})))
        for name in ('client_uri', 'logo_uri', 'policy_uri', 'tos_uri', 'initiate_login_uri'):
            equal(registered(other, **{name: 'https://x.test/y?z'}).metadata[name], 'https://x.test/y?z')
    finally:
        other.stop()


@test('7591 2: what needs the network is refused where there is none')
def _(s):
    token = initial_token(s, '--uses', '0')[1]
    for name in ('jwks_uri', 'sector_identifier_uri'):
        refused(register(s, dict(WEB, **{name: 'https://x.test/keys'}), token))


@test('5: grants, scopes, authentication and kinds of redirect URIs are those of the policy')
def _(s):
    other = open_service('grant-types=authorization_code\nscopes=a;openid\nredirect-kinds=https\nauth-methods=client_secret_basic\n')
    try:
        other.start()
        equal(registered(other).metadata['scope'], 'a openid')
        equal(registered(other, scope='a').metadata['scope'], 'a')
        for change in ({'scope': 'b'}, {'scope': 'a b'}, {'grant_types': ['client_credentials']}, {'grant_types': ['authorization_code', 'refresh_token']},
                       {'token_endpoint_auth_method': 'none'}, {'token_endpoint_auth_method': 'client_secret_post'}):
            refused(register(other, dict(WEB, **change)))
        for uri in ('http://127.0.0.1/cb', 'com.example.app:/cb'):
            refused(register(other, {'redirect_uris': [uri]}), 'invalid_redirect_uri')
    finally:
        other.stop()


@test('Nobody gives himself what only an administrator gives')
def _(s):
    token = initial_token(s, '--uses', '0')[1]
    told = registered(s, token=token, first_party=True, require_pkce=False, resources=['https://r1.test/'], audience=['https://r1.test/'], introspect=['*'],
                      allowed_origins=['https://x.test'], access_token_lifetime=999999, dynamic=False, disabled=False, registered_at=1)
    for name in ('first_party', 'require_pkce', 'resources', 'audience', 'introspect', 'allowed_origins', 'access_token_lifetime', 'dynamic', 'registered_at'):
        lacks(told.metadata, name)
    shown = json.loads(command(s, 'client', 'show', '--json', told.id))
    equal((shown['first_party'], shown['require_pkce'], shown['dynamic']), (False, True, True))
    for name in ('resources', 'introspect', 'audience', 'allowed_origins', 'access_token_lifetime', 'origin'):
        lacks(shown, name)
    check(_fails(s, 'client', 'update', told.id, '--first-party=yes'), 'a client that registered itself became first_party')


@test('7591 3.2.2: what is wrong is refused by its name')
def _(s):
    token = initial_token(s, '--uses', '0')[1]
    for change in ({'client_name': 7}, {'client_name': 'x' * 2000}, {'client_name': 'a\x07b'}, {'contacts': 'ann@dyn.test'}, {'contacts': [1]}, {'contacts': ['x'] * 100},
                   {'grant_types': 'authorization_code'}, {'grant_types': ['implicit']}, {'grant_types': ['password']}, {'grant_types': [{}]},
                   {'response_types': ['token']}, {'response_types': ['code', 'id_token']}, {'response_types': 'code'},
                   {'grant_types': ['refresh_token'], 'response_types': ['code']},
                   {'token_endpoint_auth_method': 'magic'}, {'token_endpoint_auth_method': 'private_key_jwt'}, {'application_type': 'desktop'},
                   {'scope': 'a"b'}, {'scope': ['openid']}, {'id_token_signed_response_alg': 'none'}, {'id_token_signed_response_alg': 'HS256'},
                   {'userinfo_signed_response_alg': 'none'}, {'id_token_encrypted_response_alg': 'RSA-OAEP'}, {'dpop_bound_access_tokens': True},
                   {'default_max_age': -1}, {'default_max_age': 1.5}, {'default_max_age': '60'}, {'default_max_age': 2 ** 70}, {'default_max_age': 2 ** 31},
                   {'require_auth_time': 'yes'}, {'require_auth_time': 1}, {'require_signed_request_object': 'true'},
                   {'default_acr_values': 'x'}, {'jwks': 'x'}, {'jwks': json.dumps(PUBLIC_KEYS)}, {'jwks': [1]}, {'jwks': {'keys': 'x'}}, {'software_id': 'x' * 2000},
                   {'client_name#de': 7}, {'redirect_uris': 'https://dyn.test/cb'}, {'redirect_uris': [7]}, {'redirect_uris': ['https://dyn.test/%d' % n for n in range(300)]}):
        refused(register(s, dict(WEB, **change), token))
    for change in ({'client_name': None}, {'client_name': ''}, {'contacts': []}, {'jwks': None}, {'dpop_bound_access_tokens': False}, {'software_statement': 'x.y.z'}):
        equal(register(s, dict(WEB, **change), token).status, 201, repr(change))


@test('G05: bodies that parsers disagree on are refused, and the service lives')
def _(s):
    token = initial_token(s, '--uses', '0')[1]
    good = json.dumps(WEB)
    for body in (b'', b'[]', b'null', b'"x"', b'7', b'[' * 30000, b'{"a":' * 6000, b'{"redirect_uris":' + b'[' * 20000 + b']' * 20000 + b'}',
                 b'{"client_name":"a","client_name":"b","redirect_uris":["https://dyn.test/cb"]}',
                 b'{"client_name":"\xff\xfe","redirect_uris":["https://dyn.test/cb"]}', b'{"client_name":"\\ud800","redirect_uris":["https://dyn.test/cb"]}',
                 b'{"client_name":"a\\u0000b","redirect_uris":["https://dyn.test/cb"]}', b'\xef\xbb\xbf' + good.encode(), good.encode('utf-16'), (good + 'x').encode(),
                 (good + '\0').encode(), b'{"default_max_age":1e999,"redirect_uris":["https://dyn.test/cb"]}', b'{"default_max_age":' + b'9' * 5000 + b'}',
                 b'{"default_max_age":01}', b'{"a":NaN}', b"{'a':1}", b'{"a":1,}', b'{/**/}', b'{"client_name":"a\nb"}',
                 json.dumps(dict(WEB, filler='x' * 40000)).encode()):
        refused(send(s, 'POST', '/register', body, token))
    # What is more than any request may have is refused before it is read.
    equal(send(s, 'POST', '/register', b'[' * 200000, token).status, 413)
    equal(register(s, token=token).status, 201)


@test('The body is application/json, and says so')
def _(s):
    token = initial_token(s, '--uses', '0')[1]
    for kind in ('application/x-www-form-urlencoded', 'text/plain', 'application/jsonp', 'application/json; charset=latin1'):
        equal(send(s, 'POST', '/register', WEB, token, content_type=kind).status, 415)
    equal(send(s, 'POST', '/register', WEB, token, content_type='application/json;charset=UTF-8').status, 201)
    equal(send(s, 'POST', '/register', WEB, token, headers={'Content-Encoding': 'gzip'}).status, 415)
    for method in ('GET', 'PUT', 'DELETE', 'PATCH'):
        answer = send(s, method, '/register', None if method == 'GET' else WEB, token)
        equal((answer.status, answer.header('Allow')), (405, 'POST'), method)
    equal(s.form('/token', {'grant_type': 'client_credentials', 'scope': 'a'}, s.c1).status, 200)


@test('G08: a key set with private parts is refused, whichever they are')
def _(s):
    token = initial_token(s, '--uses', '0')[1]
    signs = dict(WEB, token_endpoint_auth_method='private_key_jwt')
    for member in ('d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'):
        refused(register(s, dict(signs, jwks={'keys': [dict(PUBLIC_KEYS['keys'][0], **{member: 'AQAB'})]}), token))
    refused(register(s, dict(signs, jwks={'keys': [{'kty': 'oct', 'kid': 'x', 'alg': 'HS256'}]}), token))
    refused(register(s, dict(signs, jwks={'keys': []}), token))
    refused(register(s, dict(signs, jwks=PUBLIC_KEYS, jwks_uri='https://dyn.test/keys'), token))
    equal(register(s, dict(signs, jwks=PUBLIC_KEYS), token).status, 201)


@test('7523: a client that registered its keys authenticates with them, and has no secret')
def _(s):
    token = initial_token(s)[1]
    client = registered(s, token=token, token_endpoint_auth_method='private_key_jwt', jwks=PUBLIC_KEYS)
    equal(client.metadata['jwks'], PUBLIC_KEYS)
    lacks(client.metadata, 'client_secret')
    code, verifier = s.code(client, scope='openid')
    assertion = KeyClient(client.id, [], KEY).assertion(s, {'kid': 'one'})
    fields = dict(client_assertion_type=ASSERTION_TYPE, client_assertion=assertion)
    answer = s.redeem(client, code, verifier, auth=False, **fields)
    equal(answer.status, 200, repr(answer.body))


@test('7591 2.2: names in other languages are kept, and people read theirs')
def _(s):
    client = registered(s, token=initial_token(s)[1], **{'client_name': 'Diary', 'client_name#de': 'Tagebuch', 'client_name#zh-Hans': '日记', 'client_name#': 'x', 'client_name#a b': 'x'})
    equal({name: value for name, value in client.metadata.items() if name.startswith('client_name')},
          {'client_name': 'Diary', 'client_name#de': 'Tagebuch', 'client_name#zh-Hans': '日记'})
    for language, name in (('de-CH', 'Tagebuch'), ('en', 'Diary'), ('fr', 'Diary')):
        contains(consent_page(s, client, language).text, name)


@test('G04: what a client calls itself is text on the page, and no picture is loaded')
def _(s):
    name = '<img src=x onerror=alert(1)>"\'&'
    client = registered(s, token=initial_token(s)[1], client_name=name, logo_uri='https://evil.test/logo.png', client_uri='https://evil.test/about?a=1&b=2',
                        policy_uri='https://policy.evil.test/p', tos_uri='https://xn--80ak6aa92e.test/tos')
    page = consent_page(s, client)
    text = page.text
    lacks([tag for tag, _ in page.page.elements], 'img')
    lacks([value for _, attributes in page.page.elements for name, value in attributes.items() if name != 'href'], 'https://evil.test/logo.png')
    contains(text, html.escape('<img src=x onerror=alert(1)>'))
    # The ASCII form of each host is what people read, and a link tells the other side nothing.
    for link in ('https://evil.test/about?a=1&amp;b=2', 'https://policy.evil.test/p', 'https://xn--80ak6aa92e.test/tos'):
        contains(text, 'href="%s"' % link)
    contains(text, 'xn--80ak6aa92e.test')
    contains(text, 'noreferrer')


@test('5: not more clients register themselves than may be')
def _(s):
    other = open_service('max-clients=3\n')
    try:
        other.start()
        clients = [registered(other) for _ in range(3)]
        answer = register(other)
        equal(answer.status, 503)
        check(answer.header('Retry-After'), 'Retry-After')
        equal(clients[0].remove(other).status, 204)
        equal(register(other).status, 201)
        equal(register(other).status, 503)
    finally:
        other.stop()


@test('5: an address that asks too often has to wait')
def _(s):
    other = Service(endpoints=ENABLED, sections='[registration]\nopen=true\nrate=5\n')
    try:
        other.start()
        one, two = other.new_source(), other.new_source()
        statuses = [register(other, source=one).status for _ in range(8)]
        check(statuses[:4] == [201] * 4 and statuses[-1] == 429, statuses)
        answer = register(other, source=one)
        check(int(answer.header('Retry-After')) > 0, answer.header('Retry-After'))
        equal(register(other, source=two).status, 201)
        # Guessing tokens is counted too, wherever.
        for _ in range(8):
            status = send(other, 'GET', '/register/unknown', token='x' * 43, source=two).status
        equal(status, 429)
        other.advance(3600)
        equal(register(other, source=one).status, 201)
    finally:
        other.stop()


@test('5: a client that nobody uses is forgotten, one that is used is not')
def _(s):
    other = open_service('unused-lifetime=864000\n')
    try:
        other.start()
        used, unused = registered(other, scope='openid'), registered(other)
        other.advance(6 * 86400)
        other.tokens(used, scope='openid')
        other.advance(5 * 86400)
        other.restart()
        _wait_for(lambda: unused.read(other).status == 401)
        equal(used.read(other).status, 200)
        check(abs(json.loads(command(other, 'client', 'show', '--json', used.id))['used_at'] - other.now() + 5 * 86400) < 60, 'used_at')
        contains('\n'.join(other.log_lines()), 'action="forget"')
    finally:
        other.stop()


def _wait_for(condition):
    import time
    deadline = time.monotonic() + 20
    while not condition():
        check(time.monotonic() < deadline, 'it did not come')
        time.sleep(0.02)


@test('People are asked each time where the policy says so')
def _(s):
    for policy, again in (('always-ask-consent=true\n', True), ('', False)):
        other = open_service(policy)
        try:
            other.start()
            client = registered(other, scope='openid')
            browser = other.new_browser()
            other.approve(client, scope='openid', browser=browser)
            answer = browser.get(other.authorization_url(client, scope='openid', prompt='none'))
            contains(answer.location, 'consent_required' if again else 'code=')
        finally:
            other.stop()


@test('The audit trail and the metrics know who registered')
def _(s):
    client = registered(s, token=initial_token(s)[1])
    lines = '\n'.join(s.log_lines())
    line = next(line for line in lines.splitlines() if 'action="register"' in line and client.id in line)
    contains(line, 'from="%s"' % s.source)
    lacks(lines, client.token)


@test('A policy with unknown names stops the start, and names the key')
def _(s):
    for line, key in (('grant-types=implicit', 'grant-types'), ('auth-methods=magic', 'auth-methods'), ('redirect-kinds=http', 'redirect-kinds'), ('scopes=a"b', 'scopes'), ('rate=0', 'rate'), ('other=1', 'other')):
        other = Service(endpoints=ENABLED, sections='[registration]\n%s\n' % line)
        try:
            status, said = other.run_check()
            equal(status, 78, said)
            contains(said, '[registration] ' + key)
        finally:
            other.abandon()


@test('A reload changes the policy')
def _(s):
    other = open_service()
    try:
        other.start()
        client = registered(other)
        other.sections = '[registration]\nrate=1000\n'
        other.reload()
        expect_bad_token(register(other))
        equal(client.read(other).status, 200)
        other.endpoints = ''
        other.reload()
        equal(register(other).status, 404)
        equal(client.read(other).status, 404)
    finally:
        other.stop()


if __name__ == '__main__':
    main(closed)
