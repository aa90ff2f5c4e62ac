#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The token endpoint: RFC 6749 sections 2.3, 3.2, 4.1.3, 4.4, 5 and 6, and rows B of the threat table."""

import base64
import gzip

import rfc_path  # noqa: F401
from tap import check, equal, lacks, main, one_of, test
from tessera_fixture import (FORM, R1, R2, Client, Service, challenge_of, claims_of, expect_client_refused, expect_error, in_parallel, new_verifier,
                             parameters_of)

CC = 'grant_type=client_credentials&scope=a'


def basic(pair):
    return {'Authorization': 'Basic ' + base64.b64encode(pair if isinstance(pair, bytes) else pair.encode()).decode()}


@test('B01 the token endpoint knows POST only')
def _(s):
    for method in ('GET', 'PUT', 'DELETE', 'HEAD', 'PATCH'):
        answer = s.request(method, '/token?' + CC, None, {'Authorization': s.c1.basic()})
        equal(answer.status, 405, method)
        one_of(answer.header('Allow'), ('POST', 'POST, OPTIONS', 'OPTIONS, POST'), method)
        lacks(answer.body, b'access_token')
    equal(s.client_credentials().status, 200)


@test('B02 nothing is taken from the query')
def _(s):
    expect_error(s.form('/token?' + CC, '', s.c1), 'invalid_request')
    expect_error(s.form('/token?grant_type=client_credentials', 'scope=a', s.c1), 'invalid_request')
    expect_error(s.form('/token?scope=a', CC, s.c1), 'invalid_request')
    expect_error(s.form('/token?x=y', CC, s.c1), 'invalid_request')
    answer = s.form('/token?client_id=%s&client_secret=%s' % (s.post1.id, s.post1.secret), CC)
    one_of(answer.status, (400, 401))
    lacks(answer.body, b'access_token')
    equal(s.form('/token', CC, s.c1).status, 200)


@test('B03 only the form media type is read')
def _(s):
    auth = {'Authorization': s.c1.basic()}
    for media_type in ('application/json', 'multipart/form-data; boundary=x', 'text/plain', FORM + 'x', 'application/x-www-form'):
        answer = s.request('POST', '/token', CC, dict(auth, **{'Content-Type': media_type}))
        expect_error(answer, 'invalid_request', 415)
    expect_error(s.request('POST', '/token', CC, auth), 'invalid_request', 415)
    packed = gzip.compress(CC.encode())
    expect_error(s.request('POST', '/token', packed, dict(auth, **{'Content-Type': FORM, 'Content-Encoding': 'gzip'})), 'invalid_request', 415)
    for media_type in (FORM, FORM + '; charset=utf-8', FORM + ';charset=UTF-8', FORM.upper()):
        equal(s.request('POST', '/token', CC, dict(auth, **{'Content-Type': media_type})).status, 200, media_type)


@test('B04 a repeated parameter is refused')
def _(s):
    for body in (CC + '&grant_type=client_credentials', CC + '&scope=a', CC + '&sc%6fpe=b', CC + '&foo=1&foo=1', CC + '&scope='):
        expect_error(s.form('/token', body, s.c1), 'invalid_request')
    equal(s.form('/token', CC + '&foo=1', s.c1).status, 200)


@test('B05 a code used twice ends what the first use gave')
def _(s):
    code, verifier = s.code()
    first = s.redeem(s.c1, code, verifier)
    equal(first.status, 200)
    tokens = first.json()
    check(s.is_active(tokens['access_token']), 'inactive before the replay')
    expect_error(s.redeem(s.c1, code, verifier), 'invalid_grant')
    check(not s.is_active(tokens['access_token']), 'the access token lives on')
    expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')
    check(s.is_active(s.tokens()['access_token']), 'a fresh flow gave a dead token')


@test('B05 a code replayed after a refresh ends the refreshed tokens too')
def _(s):
    code, verifier = s.code()
    tokens = s.redeem(s.c1, code, verifier).json()
    newer = s.refresh(tokens['refresh_token']).json()
    s.advance(100)
    expect_error(s.redeem(s.c1, code, verifier), 'invalid_grant')
    check(not s.is_active(newer['access_token']), 'the refreshed access token lives on')
    expect_error(s.refresh(newer['refresh_token']), 'invalid_grant')


@test('B06 a replay with a wrong verifier, secret, client or redirect_uri ends nothing')
def _(s):
    code, verifier = s.code()
    tokens = s.redeem(s.c1, code, verifier).json()
    expect_error(s.redeem(s.c1, code, new_verifier()), 'invalid_grant')
    expect_client_refused(s.redeem(s.c1, code, verifier, auth=False, headers={'Authorization': s.c1.basic('wrong')}))
    expect_error(s.redeem(s.c2, code, verifier), 'invalid_grant')
    expect_error(s.redeem(s.c1, code, verifier, redirect_uri='https://c1.test/other'), 'invalid_grant')
    check(s.is_active(tokens['access_token']), 'the token died')
    equal(s.refresh(tokens['refresh_token']).status, 200)


@test('B06 a failed attempt does not use up the code')
def _(s):
    code, verifier = s.code()
    expect_error(s.redeem(s.c1, code, new_verifier()), 'invalid_grant')
    expect_client_refused(s.redeem(s.c1, code, verifier, auth=False, headers={'Authorization': s.c1.basic('wrong')}))
    expect_error(s.redeem(s.c1, code, verifier, redirect_uri=None), 'invalid_grant')
    equal(s.redeem(s.c1, code, verifier).status, 200)


@test('B07 of many redemptions at once one succeeds at most, and its tokens end')
def _(s):
    for _round in range(3):
        code, verifier = s.code()
        answers = in_parallel(8, lambda n: s.redeem(s.c1, code, verifier))
        good = [answer for answer in answers if answer.status == 200]
        check(len(good) <= 1, '%d redemptions succeeded' % len(good))
        for answer in answers:
            if answer.status != 200:
                expect_error(answer, 'invalid_grant')
        for answer in good:
            check(not s.is_active(answer.json()['access_token']), 'tokens of a code redeemed twice are alive')
            expect_error(s.refresh(answer.json()['refresh_token']), 'invalid_grant')
    check(s.is_active(s.tokens()['access_token']), 'one redemption gave a dead token')


@test('B08 the code of another client is refused, and is still good for its own')
def _(s):
    code, verifier = s.code()
    expect_error(s.redeem(s.c2, code, verifier, redirect_uri=s.c1.redirect_uri), 'invalid_grant')
    expect_error(s.redeem(s.p1, code, verifier, redirect_uri=s.c1.redirect_uri), 'invalid_grant')
    equal(s.redeem(s.c1, code, verifier).status, 200)


@test('B09 redirect_uri must be the one of the authorization request')
def _(s):
    for wrong in ('https://c1.test/cb/', 'https://c1.test/CB', 'https://evil.test/', None):
        code, verifier = s.code()
        expect_error(s.redeem(s.c1, code, verifier, redirect_uri=wrong), 'invalid_grant')
        equal(s.redeem(s.c1, code, verifier).status, 200)
    code, verifier = s.code(redirect_uri=None)
    expect_error(s.redeem(s.c1, code, verifier, redirect_uri='https://evil.test/'), 'invalid_grant')


@test('B13 a confidential client must authenticate itself')
def _(s):
    expect_client_refused(s.form('/token', CC))
    expect_client_refused(s.form('/token', CC + '&client_id=c1'))
    expect_client_refused(s.form('/token', CC + '&client_id=nobody'))
    expect_client_refused(s.form('/token', CC, headers={'Authorization': s.c1.basic('wrong')}))
    expect_client_refused(s.form('/token', CC, headers={'Authorization': s.c1.basic(s.c2.secret)}))
    expect_client_refused(s.form('/token', CC, headers={'Authorization': s.c1.basic(s.c1.secret + 'x')}))
    expect_client_refused(s.form('/token', CC, headers={'Authorization': s.c1.basic(s.c1.secret[:-1])}))
    expect_client_refused(s.form('/token', CC + '&client_id=post1&client_secret=wrong'))
    expect_client_refused(s.form('/token', CC + '&client_id=post1&client_secret='))
    equal(s.client_credentials().status, 200)
    equal(s.client_credentials(s.post1).status, 200)


@test('B14 only one way of authentication a request')
def _(s):
    auth = {'Authorization': s.any1.basic()}
    expect_error(s.form('/token', CC + '&client_secret=' + s.any1.secret, headers=auth), 'invalid_request')
    expect_error(s.form('/token', CC + '&client_id=any1&client_secret=' + s.any1.secret, headers=auth), 'invalid_request')
    expect_error(s.form('/token', CC + '&client_assertion=x.y.z&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
                        headers=auth), 'invalid_request')
    data = s.raw(b'POST /token HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nAuthorization: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s'
                 % (s.c1.basic().encode(), s.c1.basic().encode(), FORM.encode(), len(CC), CC.encode()))
    check(data.startswith(b'HTTP/1.1 400'), 'two Authorization headers: %r' % data[:200])
    equal(s.form('/token', CC, headers=auth).status, 200)
    equal(s.form('/token', CC + '&client_id=any1&client_secret=' + s.any1.secret).status, 200)


@test('B15 client_id in the body must agree with Basic')
def _(s):
    expect_error(s.form('/token', CC + '&client_id=c2', s.c1), 'invalid_request')
    expect_error(s.form('/token', CC + '&client_id=nobody', s.c1), 'invalid_request')
    equal(s.form('/token', CC + '&client_id=c1', s.c1).status, 200)


@test('B16 only the registered method of a client works')
def _(s):
    expect_client_refused(s.form('/token', CC + '&client_id=c1&client_secret=' + s.c1.secret))
    expect_client_refused(s.form('/token', CC, headers={'Authorization': s.post1.basic()}))
    expect_client_refused(s.form('/token', 'grant_type=refresh_token&refresh_token=x', headers=basic('p1:')))
    expect_client_refused(s.form('/token', 'grant_type=refresh_token&refresh_token=x', headers=basic('p1:x')))
    expect_client_refused(s.form('/token', 'grant_type=refresh_token&refresh_token=x&client_id=p1&client_secret=x'))
    equal(s.client_credentials(s.c1).status, 200)
    equal(s.client_credentials(s.post1).status, 200)


@test('B17 id and secret of Basic are form-urlencoded')
def _(s):
    odd = s.clients['odd client']
    equal(s.client_credentials(odd).status, 200)
    equal(claims_of(s.machine_token(odd))['client_id'], 'odd client')
    for bad in (basic('c1'), basic(b''), basic(':'), basic(s.c1.id + ' ' + s.c1.secret), basic(b'\xff\xfe:x'), basic('c1:%zz'), basic('c1:%00'), basic(s.c1.id + ':' + s.c1.secret + '\0'), basic(s.c1.id + ':' + s.c1.secret + '\0more'),
                {'Authorization': 'Basic !!!!'}, {'Authorization': 'Basic'}, {'Authorization': 'Basic ' + s.c1.basic()[6:] + '!'}, {'Authorization': 'Basic ' + s.c1.basic()[6:] + '===='},
                {'Authorization': 'Bearer ' + s.c1.basic()[6:]}, {'Authorization': 'Digest username="c1"'}, {'Authorization': ''}):
        answer = s.form('/token', CC, headers=bad)
        one_of(answer.status, (400, 401), repr(bad))
        if answer.status == 401:
            expect_client_refused(answer)
    equal(s.form('/token', CC, headers={'Authorization': 'bASIC ' + s.c1.basic()[6:]}).status, 200, 'the scheme is case-insensitive')


@test('B18 an unknown client and a wrong secret get the same answer')
def _(s):
    wrong = s.form('/token', CC, headers={'Authorization': s.c1.basic('x' * 43)})
    unknown = s.form('/token', CC, headers={'Authorization': s.c1.basic('x' * 43, 'nobody')})
    expect_client_refused(wrong)
    equal((unknown.status, unknown.body), (wrong.status, wrong.body))
    equal(sorted(key for key, _ in unknown.headers), sorted(key for key, _ in wrong.headers))
    equal(s.client_credentials().status, 200)


@test('B19 guessing a secret is slowed down for that client and address only')
def _(s):
    wrong = {'Authorization': s.c2.basic('wrong')}
    seen = [s.form('/token', CC, headers=wrong).status for _ in range(14)]
    equal(seen[:10], [401] * 10)
    check(429 in seen[10:], repr(seen))
    answer = s.form('/token', CC, headers=wrong)
    equal(answer.status, 429)
    check(int(answer.header('Retry-After')) > 0, 'Retry-After')
    equal(answer.header('Cache-Control'), 'no-store')
    equal(s.client_credentials(s.c2, source=s.new_source()).status, 200, 'the right secret from elsewhere')
    equal(s.client_credentials(s.c1).status, 200, 'another client from the same address')
    s.advance(int(answer.header('Retry-After')) + 1)
    equal(s.client_credentials(s.c2).status, 200, 'afterwards')


@test('B20 a public client gets no token of its own')
def _(s):
    expect_error(s.client_credentials(s.p1), 'unauthorized_client')
    equal(s.client_credentials(s.machine).status, 200)


@test('B21 grant types: unknown, forbidden, the password grant')
def _(s):
    for unknown in ('password', 'implicit', 'foo', 'CLIENT_CREDENTIALS', 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'client_credentials '):
        expect_error(s.form('/token', {'grant_type': unknown, 'username': 'alice', 'password': s.users['alice']}, s.c1), 'unsupported_grant_type')
    expect_error(s.form('/token', 'scope=a', s.c1), 'invalid_request')
    expect_error(s.form('/token', 'grant_type=&scope=a', s.c1), 'invalid_request')
    expect_error(s.client_credentials(s.nocc), 'unauthorized_client')
    expect_error(s.redeem(s.machine, 'x', new_verifier(), redirect_uri='https://x.test/'), 'unauthorized_client')
    expect_error(s.refresh('x', s.nocc), 'unauthorized_client')
    equal(s.client_credentials(s.machine).status, 200)


@test('B21 a client without the refresh grant gets no refresh token')
def _(s):
    lacks(s.tokens(s.nocc), 'refresh_token')
    check('refresh_token' in s.tokens(s.c1), 'no refresh token')


@test('B22 a scope that is not allowed is refused, not dropped')
def _(s):
    for scope in ('zzz', 'a zzz', 'A', 'openid', 'a openid'):
        expect_error(s.client_credentials(scope=scope), 'invalid_scope')
    answer = s.client_credentials(scope='a b').json()
    equal(set(answer['scope'].split()), {'a', 'b'})
    equal(claims_of(answer['access_token'])['scope'], answer['scope'])


@test('B23 a refresh narrows the scope, never widens it')
def _(s):
    narrow = s.tokens(scope='a')
    expect_error(s.refresh(narrow['refresh_token'], scope='a b'), 'invalid_scope')
    expect_error(s.refresh(narrow['refresh_token'], scope='b'), 'invalid_scope')
    equal(s.refresh(narrow['refresh_token']).json()['scope'], 'a')
    wide = s.tokens(scope='a b')
    less = s.refresh(wide['refresh_token'], scope='a').json()
    equal(less['scope'], 'a')
    equal(claims_of(less['access_token'])['scope'], 'a')
    again = s.refresh(less['refresh_token']).json()
    equal(set(again['scope'].split()), {'a', 'b'}, 'the new refresh token keeps the scope of the grant')


@test('B24 the refresh token of another client is refused, and is still good for its own')
def _(s):
    tokens = s.tokens()
    expect_error(s.refresh(tokens['refresh_token'], s.c2), 'invalid_grant')
    expect_error(s.refresh(tokens['refresh_token'], s.p1), 'invalid_grant')
    equal(s.refresh(tokens['refresh_token']).status, 200)


@test('B25 a refresh token used again after the window ends the whole family')
def _(s):
    first = s.tokens()
    second = s.refresh(first['refresh_token']).json()
    check(first['refresh_token'] != second['refresh_token'], 'no rotation')
    s.advance(31)
    expect_error(s.refresh(first['refresh_token']), 'invalid_grant')
    expect_error(s.refresh(second['refresh_token']), 'invalid_grant')
    check(not s.is_active(second['access_token']), 'the access token lives on')
    check(not s.is_active(first['access_token']), 'the first access token lives on')


@test('B25 rotation in order goes on and on')
def _(s):
    tokens = s.tokens()
    seen = {tokens['refresh_token']}
    for _ in range(5):
        s.advance(60)
        answer = s.refresh(tokens['refresh_token'])
        equal(answer.status, 200)
        tokens = answer.json()
        check(tokens['refresh_token'] not in seen, 'a refresh token came twice')
        seen.add(tokens['refresh_token'])
        check(s.is_active(tokens['access_token']), 'inactive')


@test('B25 reuse of a token several generations old ends the family')
def _(s):
    first = s.tokens()
    tokens = first
    for _ in range(3):
        s.advance(40)
        tokens = s.refresh(tokens['refresh_token']).json()
    expect_error(s.refresh(first['refresh_token']), 'invalid_grant')
    expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')
    check(not s.is_active(tokens['access_token']), 'the access token lives on')


@test('B26 a lost answer: inside the window the same successor comes again')
def _(s):
    first = s.tokens()
    second = s.refresh(first['refresh_token']).json()
    s.advance(20)
    again = s.refresh(first['refresh_token'])
    equal(again.status, 200)
    equal(again.json()['refresh_token'], second['refresh_token'])
    equal(s.refresh(second['refresh_token']).status, 200)


@test('B26 once the successor was used, a replay inside the window is reuse')
def _(s):
    first = s.tokens()
    second = s.refresh(first['refresh_token']).json()
    third = s.refresh(second['refresh_token'])
    equal(third.status, 200)
    expect_error(s.refresh(first['refresh_token']), 'invalid_grant')
    expect_error(s.refresh(third.json()['refresh_token']), 'invalid_grant')
    check(not s.is_active(third.json()['access_token']), 'the access token lives on')


@test('B27 of many refreshes at once all get one and the same successor')
def _(s):
    tokens = s.tokens()
    answers = in_parallel(8, lambda n: s.refresh(tokens['refresh_token']))
    equal([answer.status for answer in answers], [200] * 8)
    successors = {answer.json()['refresh_token'] for answer in answers}
    equal(len(successors), 1)
    equal(s.refresh(successors.pop()).status, 200)


@test('B28 a refresh token that is not exactly ours is refused and ends nothing')
def _(s):
    tokens = s.tokens()
    token = tokens['refresh_token']
    check(len(token) >= 43, 'too short: %d' % len(token))
    bad = [token[:-1], token[:43], token[1:], token + 'A', token + '=', token + ' ', ' ' + token, token.swapcase(), token + '\n', 'x',
           token[:-1] + ('A' if token[-1] != 'A' else 'B'), tokens['access_token'], '"', '\u20ac' * 20]
    for forged in bad:
        expect_error(s.refresh(forged), 'invalid_grant')
    expect_error(s.form('/token', 'grant_type=refresh_token', s.c1), 'invalid_request')
    check(s.is_active(tokens['access_token']), 'the access token died')
    equal(s.refresh(token).status, 200)


@test('B29 a refresh token dies of fourteen idle days, and after thirty days at all events')
def _(s):
    tokens = s.tokens()
    day = 86400
    s.advance(14 * day + 61)
    expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')
    s.forget_browsers()
    tokens = s.tokens()
    for _ in range(2):
        s.advance(13 * day)
        answer = s.refresh(tokens['refresh_token'])
        equal(answer.status, 200)
        tokens = answer.json()
    s.advance(5 * day)
    expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')
    s.forget_browsers()


@test('B29 a client may have a shorter life for its refresh tokens')
def _(s):
    s.clients['brief'] = Client('brief', redirect_uri='https://brief.test/cb', scope='a', grant_types='authorization_code;refresh_token;', refresh_token_lifetime='300')
    s.reload()
    tokens = s.tokens(s.brief)
    s.advance(200)
    newer = s.refresh(tokens['refresh_token'], s.brief)
    equal(newer.status, 200)
    s.advance(110)
    expect_error(s.refresh(newer.json()['refresh_token'], s.brief), 'invalid_grant')
    del s.clients['brief']
    s.reload()


@test('B31 a token is for no other resource than was granted')
def _(s):
    tokens = s.tokens(resource=R1)
    equal(claims_of(tokens['access_token'])['aud'], R1)
    expect_error(s.refresh(tokens['refresh_token'], resource=R2), 'invalid_target')
    expect_error(s.refresh(tokens['refresh_token'], resource='https://unknown.test/'), 'invalid_target')
    equal(claims_of(s.refresh(tokens['refresh_token'], resource=R1).json()['access_token'])['aud'], R1)
    expect_error(s.client_credentials(s.machine, resource=R2), 'invalid_target')
    equal(claims_of(s.machine_token(s.c1, resource=R2))['aud'], R2)


@test('B32 answers of the token endpoint are kept by no cache')
def _(s):
    for answer in (s.client_credentials(), s.client_credentials(scope='zzz'), s.form('/token', CC), s.redeem(s.c1, *s.code())):
        equal(answer.header('Cache-Control'), 'no-store')
        equal(answer.header('Pragma'), 'no-cache')
        equal(answer.header('X-Content-Type-Options'), 'nosniff')
        check(answer.header('Content-Type').split(';')[0] == 'application/json', answer.header('Content-Type'))


@test('B33 error texts echo nothing')
def _(s):
    for name in ('grant_type', 'scope', 'resource', 'code', 'refresh_token'):
        fields = {'grant_type': 'client_credentials', name: 'canary<"\n\\>é'}
        if name in ('code', 'refresh_token'):
            fields['grant_type'] = 'authorization_code' if name == 'code' else 'refresh_token'
            fields['code_verifier'] = new_verifier()
        answer = s.form('/token', fields, s.c1)
        equal(answer.status, 400, name)
        lacks(answer.body, b'canary')
        expect_error(answer, answer.json()['error'])
    equal(s.client_credentials().status, 200)


@test('B34 the form is decoded strictly')
def _(s):
    for tail in ('&foo=%zz', '&foo=%', '&foo=%4', '&foo=%00', '&foo=%ff', '&foo=%c0%80', '&foo=%ed%a0%80', '&foo=\x00', '&foo=\xff'):
        expect_error(s.form('/token', (CC + tail).encode('latin-1'), s.c1), 'invalid_request')
    expect_error(s.form('/token', 'grant_type=client_credentials;scope=a', s.c1), 'unsupported_grant_type')
    many = '&'.join('x%d=1' % n for n in range(100))
    expect_error(s.form('/token', CC + '&' + many, s.c1), 'invalid_request')
    for good in ('grant_type=client%5Fcredentials&scope=a+b', 'grant_type=client_credentials&scope=a%20b', 'scope=a&grant_type=client_credentials'):
        equal(s.form('/token', good, s.c1).status, 200, good)


@test('B35 a giant scope is refused')
def _(s):
    expect_error(s.client_credentials(scope='x' * 60000), 'invalid_scope')
    expect_error(s.client_credentials(scope='a ' * 30000), 'invalid_scope')
    expect_error(s.client_credentials(scope=' '.join('a%d' % n for n in range(65))), 'invalid_scope')
    expect_error(s.client_credentials(scope=' '.join(['a'] * 70)), 'invalid_scope')
    equal(s.client_credentials(scope=' '.join(['a'] * 60)).json()['scope'], 'a')
    equal(s.client_credentials(scope='a b').status, 200)


@test('B30 after logout nothing of that session is refreshed')
def _(s):
    browser = s.new_browser()
    verifier = new_verifier()
    answer = s.approve(browser=browser, code_challenge=challenge_of(verifier))
    tokens = s.redeem(s.c1, answer['code'], verifier).json()
    equal(s.refresh(tokens['refresh_token']).status, 200)
    page = browser.open('/logout')
    form = [f for f in page.page.forms if f.method == 'post'][0]
    browser.submit(page, form)
    newest = s.refresh(tokens['refresh_token'])
    expect_error(newest, 'invalid_grant')
    check(not s.is_active(tokens['access_token']), 'the access token lives on')
    other = s.tokens()
    equal(s.refresh(other['refresh_token']).status, 200, 'another session of the same user')


@test('B30 a user who is removed or whose password changes keeps no tokens')
def _(s):
    for change in ('removed', 'changed'):
        tokens = s.tokens(username='eve')
        bystander = s.tokens(username='bob')
        kept = s.users['eve']
        if change == 'removed':
            del s.users['eve']
        else:
            s.users['eve'] = 'another-canary-Pw9'
        s.reload()
        expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')
        check(not s.is_active(tokens['access_token']), '%s: the access token lives on' % change)
        equal(s.refresh(bystander['refresh_token']).status, 200, 'bob')
        s._browsers.pop('eve', None)
        s.users['eve'] = kept
        s.reload()
        check(s.is_active(s.tokens(username='eve')['access_token']), 'eve back again')
        s._browsers.pop('eve', None)


@test('rfc6749/2.3.1 client_secret_post works for who registered it, Basic for who did, either for who said nothing')
def _(s):
    for client in (s.c1, s.post1, s.any1):
        equal(s.client_credentials(client).status, 200, client.id)


@test('rfc6749/3.2 empty parameters count as left out')
def _(s):
    expect_error(s.form('/token', 'grant_type=', s.c1), 'invalid_request')
    equal(s.form('/token', CC + '&resource=&foo=', s.c1).status, 200)


@test('rfc6749/3.2.1 a public client names itself')
def _(s):
    code, verifier = s.code(s.spa)
    answer = s.redeem(s.spa, code, verifier, auth=False)
    one_of(answer.status, (400, 401))
    equal(s.redeem(s.spa, code, verifier).status, 200)


@test('rfc6749/4.1.3 a code that is unknown, cut or long is invalid_grant')
def _(s):
    code, verifier = s.code()
    for bad in ('x', code[:-1], code + 'A', code.swapcase(), 'é', '../../etc/passwd', 'x' * 5000):
        expect_error(s.redeem(s.c1, bad, verifier), 'invalid_grant')
    expect_error(s.redeem(s.c1, None, verifier), 'invalid_request')
    equal(s.redeem(s.c1, code, verifier).status, 200)


@test('rfc6749/4.4.3 a token of a client for itself comes without refresh token')
def _(s):
    answer = s.client_credentials().json()
    lacks(answer, 'refresh_token')
    equal(claims_of(answer['access_token'])['sub'], 'c1')


@test('rfc6749/5.1 the answer has access_token, token_type, expires_in as a number, and scope')
def _(s):
    for answer in (s.client_credentials().json(), s.tokens(), s.refresh(s.tokens()['refresh_token']).json()):
        equal(answer['token_type'], 'Bearer')
        equal(answer['expires_in'], 600)
        check(isinstance(answer['expires_in'], int), 'not a number')
        equal(answer['scope'], 'a')
        check(set(answer) <= {'access_token', 'token_type', 'expires_in', 'scope', 'refresh_token'}, repr(set(answer)))


@test('rfc6749/5.2 a refused Basic authentication names the scheme and a realm')
def _(s):
    answer = s.form('/token', CC, headers={'Authorization': s.c1.basic('wrong')})
    expect_client_refused(answer)
    check('realm=' in answer.header('WWW-Authenticate'), answer.header('WWW-Authenticate'))


@test('rfc6749/6 a stray redirect_uri at refresh is ignored')
def _(s):
    equal(s.refresh(s.tokens()['refresh_token'], redirect_uri='http://127.0.0.1/cb').status, 200)


@test('rfc6749/6 a public client refreshes by its id alone')
def _(s):
    tokens = s.tokens(s.p1, redirect_uri='http://127.0.0.1:40001/cb')
    answer = s.refresh(tokens['refresh_token'], s.p1)
    equal(answer.status, 200)
    check(answer.json()['refresh_token'] != tokens['refresh_token'], 'no rotation')


@test('rfc6749/10.3 a client removed by a reload loses its tokens, the others keep theirs')
def _(s):
    mine, other = s.machine_token(s.short), s.machine_token(s.c1)
    removed = s.clients.pop('short')
    s.reload()
    check(not s.is_active(mine), 'the token of the removed client lives on')
    check(s.is_active(other), 'the token of another died')
    expect_client_refused(s.client_credentials(removed))
    s.clients['short'] = removed
    s.reload()
    check(not s.is_active(mine), 'the old token rose again')
    check(s.is_active(s.machine_token(removed)), 'back again')


@test('rfc6749/4.1 the redirect of a code flow carries code, state and iss only')
def _(s):
    last = s.browser().authorize(s.authorization_url(), 'alice', s.users['alice'])
    equal(set(parameters_of(last.location)), {'code', 'state', 'iss'})


if __name__ == '__main__':
    main(Service)
