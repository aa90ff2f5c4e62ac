#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Token Status List (the draft that model/tessera-status-list-private.h names), as a resource server that has never heard of us."""

import os
import time
import zlib

import rfc_path  # noqa: F401
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from tap import check, equal, lacks, main, test
from tessera_fixture import R1, Client, Service, claims_of, default_clients, header_of, in_parallel, unb64url

METADATA = '/.well-known/oauth-authorization-server'
LISTS = '/status-lists'
VALID, INVALID = 0, 1


def verify(jwk, token):
    """Raises if the signature is bad."""
    x, y = [int.from_bytes(unb64url(jwk[name]), 'big') for name in 'xy']
    text, _, signature = token.rpartition('.')
    r, s = [int.from_bytes(unb64url(signature)[at:at + 32], 'big') for at in (0, 32)]
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    key.verify(utils.encode_dss_signature(r, s), text.encode(), ec.ECDSA(hashes.SHA256()))


def place_of(token):
    """(uri, idx) as the token says."""
    status = claims_of(token)['status']
    equal(list(status), ['status_list'])
    place = status['status_list']
    equal(sorted(place), ['idx', 'uri'])
    return place['uri'], place['idx']


def path_of(s, uri):
    check(uri.startswith(s.issuer + LISTS + '/'), uri)
    return s.prefix + uri[len(s.issuer):]


def verified(s, answer, uri):
    """The claims of a Status List Token, checked by section 8.3."""
    equal(answer.status, 200, repr(answer))
    equal(answer.header('Content-Type'), 'application/statuslist+jwt')
    token = answer.body.decode()
    equal(header_of(token)['typ'], 'statuslist+jwt')
    keys = s.get(s.prefix + '/jwks').json()['keys']
    verify(next(key for key in keys if key['kid'] == header_of(token)['kid']), token)
    claims = claims_of(token)
    equal(claims['sub'], uri)
    check(abs(claims['iat'] - s.now()) < 120, 'iat %r, now %r' % (claims['iat'], s.now()))
    check(claims['exp'] > s.now(), 'it has expired')
    check(claims['ttl'] > 0, 'ttl')
    equal(claims['status_list']['bits'], 1)
    equal(claims['status_list']['aggregation_uri'], s.issuer + LISTS)
    return claims


def status_of(s, token, headers=None):
    uri, index = place_of(token)
    claims = verified(s, s.get(path_of(s, uri), headers), uri)
    bits = zlib.decompress(unb64url(claims['status_list']['lst']))
    check(index < len(bits) * 8, 'the list is too short')
    return bits[index // 8] >> index % 8 & 1


def agree(s, *tokens):
    """What the lists say, which must be what introspection says."""
    said = [status_of(s, token) for token in tokens]
    equal(said, [VALID if s.is_active(token) else INVALID for token in tokens])
    return said


@test('5.1 a token has a place in a signed list, and is good there')
def _(s):
    token = s.machine_token()
    uri, index = place_of(token)
    check(isinstance(index, int) and 0 <= index < 1 << 17, repr(index))
    equal(agree(s, token, s.tokens()['access_token']), [VALID, VALID])
    equal(verified(s, s.get(path_of(s, uri)), uri)['ttl'], 60)


@test('6.2 each token has a place of its own, at random')
def _(s):
    places = [place_of(s.machine_token()) for _ in range(40)]
    equal(len(set(places)), 40)
    indexes = [index for _, index in places]
    check(indexes != sorted(indexes), 'in order')


@test('8 a revoked access token is revoked in the list from the answer on, and nobody else')
def _(s):
    one, two = s.machine_token(), s.machine_token()
    equal(agree(s, one, two), [VALID, VALID])
    s.revoke(one)
    equal(agree(s, one, two), [INVALID, VALID])


@test('8 a revoked refresh token revokes the tokens of its grant')
def _(s):
    tokens, bystander = s.tokens(), s.tokens()
    newer = s.refresh(tokens['refresh_token']).json()
    equal(agree(s, tokens['access_token'], newer['access_token']), [VALID, VALID])
    s.revoke(newer['refresh_token'])
    equal(agree(s, tokens['access_token'], newer['access_token'], bystander['access_token']), [INVALID, INVALID, VALID])


@test('8 a replayed code revokes what it gave')
def _(s):
    code, verifier = s.code()
    token = s.redeem(s.c1, code, verifier).json()['access_token']
    equal(agree(s, token), [VALID])
    s.redeem(s.c1, code, verifier)
    equal(agree(s, token), [INVALID])


@test('8 signing out revokes the tokens of the session')
def _(s):
    browser = s.new_browser()
    last = browser.authorize(s.authorization_url(), 'bob', s.users['bob'])
    equal(last.status, 303)
    s._browsers['bob'] = browser
    token, other = s.tokens(username='bob')['access_token'], s.tokens()['access_token']
    equal(agree(s, token, other), [VALID, VALID])
    page = browser.get(s.prefix + '/logout')
    browser.submit(page, [form for form in page.page.forms if form.method == 'post'][0])
    equal(agree(s, token, other), [INVALID, VALID])
    s.forget_browsers()


@test('8 many at once see what was revoked')
def _(s):
    tokens = [s.machine_token() for _ in range(16)]
    for token in tokens[:8]:
        s.revoke(token)
    said = in_parallel(16, lambda number: status_of(s, tokens[number]))
    equal(said, [INVALID] * 8 + [VALID] * 8)


@test('13.7 a list that says what it said stays as it is, until its ttl has passed')
def _(s):
    token = s.machine_token()
    path = path_of(s, place_of(token)[0])
    first = s.get(path)
    etag = first.header('ETag')
    check(etag.startswith('"') and etag.endswith('"'), etag)
    s.machine_token()
    again = s.get(path)
    equal((again.body, again.header('ETag')), (first.body, etag))
    known = s.get(path, {'If-None-Match': etag})
    equal((known.status, known.body), (304, b''))
    equal(known.header('ETag'), etag)
    for answer in (first, known):
        seconds = int(answer.header('Cache-Control').replace('public, max-age=', ''))
        check(0 <= seconds <= 60, answer.header('Cache-Control'))
    s.revoke(token)
    changed = s.get(path, {'If-None-Match': etag})
    equal(changed.status, 200)
    check(changed.header('ETag') != etag, 'the same ETag')
    s.advance(61)
    later = s.get(path, {'If-None-Match': changed.header('ETag')})
    equal(later.status, 200)
    equal(claims_of(later.body.decode())['status_list'], claims_of(changed.body.decode())['status_list'])


@test('9 the aggregation names every list')
def _(s):
    uris = {place_of(token)[0] for token in (s.machine_token(), s.machine_token(s.clients['long']))}
    equal(len(uris), 2, 'tokens that expire at different times share a list')
    metadata = s.get(METADATA + s.prefix).json()
    equal(metadata['status_list_aggregation_endpoint'], s.issuer + LISTS)
    answer = s.get(s.prefix + LISTS)
    equal((answer.status, answer.header('Content-Type')), (200, 'application/json'))
    equal(list(answer.json()), ['status_lists'])
    listed = answer.json()['status_lists']
    check(uris <= set(listed), listed)
    for uri in listed:
        verified(s, s.get(path_of(s, uri)), uri)


@test('8.1 scripts of any origin may read it, and what they accept is respected')
def _(s):
    path = path_of(s, place_of(s.machine_token())[0])
    for target in (path, s.prefix + LISTS):
        equal(s.get(target, {'Origin': 'https://anywhere.test'}).header('Access-Control-Allow-Origin'), '*')
        equal(s.request('POST', target, {}).status, 405)
        equal(s.request('HEAD', target).status, 200)
    for accept in (None, '*/*', 'application/statuslist+jwt', 'text/html, application/*;q=0.5'):
        equal(s.get(path, {'Accept': accept} if accept else None).status, 200, repr(accept))
    for accept in ('application/statuslist+cwt', 'text/html'):
        equal(s.get(path, {'Accept': accept}).status, 406, accept)


@test('8.4 nothing is told of the past')
def _(s):
    path = path_of(s, place_of(s.machine_token())[0])
    equal(s.get(path + '?time=1686925000').status, 501)
    equal(s.get(path + '?other=1&time=1686925000').status, 501)
    equal(s.get(path + '?other=1').status, 200)


@test('a name that is no list is not found')
def _(s):
    for name in ('x', 'x' * 200, 'a/b', '', '%00', '%31'):
        equal(s.get(s.prefix + LISTS + '/' + name).status, 404, name)
    for name in ('..', '%2e%2e', '.'):
        equal(s.get(s.prefix + LISTS + '/' + name).status, 400, name)


@test('13.1 a list dies with its tokens, in memory and on the disk')
def _(s):
    token = s.machine_token()
    path = path_of(s, place_of(token)[0])
    name = path.rsplit('/', 1)[1]
    wait_until(lambda: name in saved(s), 'it was not saved')
    s.advance(590)
    equal(agree(s, token), [VALID])
    s.advance(1270)
    equal(s.get(path).status, 404)
    lacks(s.get(s.prefix + LISTS).body.decode(), name)
    s.machine_token()
    wait_until(lambda: name not in saved(s), 'it is still on the disk')


def saved(s):
    folder = os.path.join(s.state, 'status-lists')
    return {name: os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)} if os.path.isdir(folder) else {}


def wait_until(function, complaint):
    deadline = time.monotonic() + 20
    while not function():
        check(time.monotonic() < deadline, complaint)
        time.sleep(0.02)


@test('a stop loses nothing')
def _(s):
    revoked, good, machine = s.machine_token(), s.tokens(), s.machine_token()
    s.revoke(revoked)
    s.restart()
    equal(agree(s, revoked, good['access_token'], machine), [INVALID, VALID, VALID])
    check(place_of(s.machine_token())[0] != place_of(machine)[0], 'two runs share a list')
    s.revoke(good['refresh_token'])
    s.revoke(machine)
    equal(agree(s, revoked, good['access_token'], machine), [INVALID] * 3)
    s.restart()
    equal(agree(s, revoked, good['access_token'], machine), [INVALID] * 3)
    s.forget_browsers()


@test('killed: what was saved is known, what was not is taken for revoked')
def _(s):
    revoked, good = s.machine_token(), s.tokens()['access_token']
    s.revoke(revoked)
    uri, index = place_of(good)
    name = uri.rsplit('/', 1)[1]
    # Saved within a second: a token that is issued then is in a later piece.
    before = saved(s).get(name, 0)
    marker = s.machine_token()
    equal(place_of(marker)[0], uri)
    wait_until(lambda: saved(s).get(name, 0) > before, 'nothing is saved')
    size = saved(s)[name]
    marker = s.machine_token()
    wait_until(lambda: saved(s)[name] > size, 'nothing more is saved')
    s.kill()
    s.start_again()
    equal(status_of(s, revoked), INVALID)
    equal(agree(s, good, marker), [VALID, VALID])
    equal(place_of(good), (uri, index))
    # All other places may be somebody's.
    claims = verified(s, s.get(path_of(s, uri)), uri)
    bits = zlib.decompress(unb64url(claims['status_list']['lst']))
    invalid = sum(bin(byte).count('1') for byte in bits)
    check(invalid > len(bits) * 8 - 200, '%d of %d' % (invalid, len(bits) * 8))
    s.revoke(good)
    s.revoke(marker)
    equal(agree(s, good, marker), [INVALID, INVALID])
    s.forget_browsers()


@test('a database that was rolled back refuses all that was listed')
def _(s):
    s.restart()
    equal(s.terminate(), 0)
    old = {name: open(os.path.join(s.state, name), 'rb').read() for name in os.listdir(s.state) if name.startswith('tessera.db')}
    s.start_again()
    token, revoked = s.machine_token(), s.machine_token()
    s.revoke(revoked)
    equal(s.terminate(), 0)
    for name, content in old.items():
        with open(os.path.join(s.state, name), 'wb') as file:
            file.write(content)
    s.start_again()
    # It is another list from then on, and knows no place of before.
    for one in (token, revoked):
        check(not s.is_active(one), 'introspection takes it')
        equal(s.get(path_of(s, place_of(one)[0])).status, 404)
    s.advance(1)
    equal(agree(s, s.machine_token()), [VALID])
    s.forget_browsers()


@test('another database knows none of the lists')
def _(s):
    token = s.machine_token()
    path = path_of(s, place_of(token)[0])
    equal(s.terminate(), 0)
    for name in os.listdir(s.state):
        if name.startswith('tessera.db'):
            os.unlink(os.path.join(s.state, name))
    s.start_again()
    equal(s.get(path).status, 404)
    check(not s.is_active(token), 'introspection takes it')
    s.advance(1)
    equal(agree(s, s.machine_token()), [VALID])
    s.forget_browsers()


@test('killed before anything was saved: its lists are gone, and no token of them is good')
def _(s):
    s.advance(3600)
    token = s.machine_token()
    path = path_of(s, place_of(token)[0])
    s.kill()
    for name in saved(s):
        os.unlink(os.path.join(s.state, 'status-lists', name))
    s.start_again()
    equal(s.get(path).status, 404)
    s.forget_browsers()


@test('off: no claim, no endpoint, nothing in the metadata')
def _(s):
    token = s.machine_token()
    uri, _index = place_of(token)
    old, s.sections = s.sections, s.sections.replace('enabled=true', 'enabled=false')
    s.reload()
    try:
        lacks(claims_of(s.machine_token()), 'status')
        equal(s.get(s.prefix + LISTS).status, 404)
        equal(s.get(path_of(s, uri)).status, 404)
        lacks(s.get(METADATA + s.prefix).json(), 'status_list_aggregation_endpoint')
    finally:
        s.sections = old
        s.reload()
    equal(agree(s, token), [VALID])


def service():
    clients = default_clients()
    clients.append(Client('long', scope='a', grant_types='client_credentials;', access_token_lifetime='7200', audience=R1 + ';', resources=R1 + ';'))
    return Service(clients=clients, sections='[status-list]\nenabled=true\n', issuer_path='/as')


if __name__ == '__main__':
    main(service)
