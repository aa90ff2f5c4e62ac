#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What libsoup answers and what the front door answers itself ([server] direct-endpoints) is the same, byte for byte
but for what no two answers share. One service is asked twice, with a reload between, so that state and keys are one."""

import re
import socket

import rfc_path  # noqa: F401
from tap import check, contains, equal, main, test
from tessera_fixture import FORM, GRANTS, Client, Service, default_clients

HOST = 'Host: as.test\r\n'
LIVE = [
    # what is different in any two answers
    (re.compile(r'(?m)^Date: [A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT\r$'), 'Date: NOW\r'),
    (re.compile(r'eyJ[\w-]+\.[\w-]+\.[\w-]+'), 'JWT'),
    (re.compile(r'tsr_[\w-]+|"refresh_token":"[^"]+"'), 'REFRESH'),
]
PATHS = ('/token', '/revoke', '/introspect', '/check', '/jwks', '/jwks/x.pem', '/status-lists', '/status-lists/1', '/userinfo', '/.well-known/oauth-authorization-server',
         '/.well-known/openid-configuration')
METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS')


def service():
    openid = Client('openid', redirect_uri='https://openid.test/cb', scope='openid a', grant_types=GRANTS, audience='https://as.test;', introspect='*;')
    return Service(issuer='https://as.test', clients=default_clients() + [openid], server='direct-endpoints=false', endpoints='check-enabled=true',
                   sections='[status-list]\nenabled=true\n')


def set_direct(s, direct):
    s.server = 'direct-endpoints=%s' % ('true' if direct else 'false')
    s.reload()


def head(method, target, fields='', version='1.1', host=HOST):
    return '%s %s HTTP/%s\r\n%s%s\r\n' % (method, target, version, host, fields)


def post(target, body, fields='', media='Content-Type: %s\r\n' % FORM, **options):
    return head('POST', target, '%sContent-Length: %d\r\n%s' % (media, len(body.encode('latin-1')), fields), **options) + body


def ask(s, request):
    """Everything that came back."""
    return s.raw(request.encode('latin-1', 'surrogateescape'), shutdown=True).decode('latin-1')


def normalised(answer):
    if 'eyJ' in answer:  # the numbers in a token have more digits some time
        answer = re.sub(r'(?m)^Content-Length: \d{3}\r$', 'Content-Length: SOME\r', answer)
    for pattern, stands_for in LIVE:
        answer = pattern.sub(stands_for, answer)
    return answer


def sorted_head(answer):
    """The answers with the fields of each in alphabetical order: their order means nothing."""
    found, rest = [], answer
    while rest.startswith('HTTP/1.'):
        lines, _, rest = rest.partition('\r\n\r\n')
        status, *fields = lines.split('\r\n')
        found.append((status, sorted(fields)))
        if 'HTTP/1.' in rest:
            body, mark, more = rest.partition('HTTP/1.')
            found.append(body)
            rest = mark + more
    return found + [rest]


def both(s, requests, apart):
    answers = []
    for direct in (False, True):
        set_direct(s, direct)
        answers.append([])
        for request in requests:
            if apart:
                s.source = s.new_source()
            answers[-1].append(ask(s, request))
    set_direct(s, False)
    return answers


def compare(s, requests, apart=False, halves=False):
    """@apart: each from an address of its own, since failures are counted by address. @halves: there may be no answer."""
    for request, soup, direct in zip(requests, *both(s, requests, apart)):
        check(halves or soup.startswith('HTTP/1.'), 'no answer to %r' % request)
        equal(sorted_head(normalised(direct)), sorted_head(normalised(soup)), 'answer to %r' % request)


@test('two fronts every method of every path is answered alike')
def _(s):
    requests = [head(method, path, fields) for path in PATHS for method in METHODS
                for fields in ('', 'Origin: https://spa.test\r\n', 'Access-Control-Request-Method: POST\r\nOrigin: https://evil.test\r\n')]
    compare(s, requests)


@test('two fronts media types, encodings and sizes are judged alike')
def _(s):
    body = 'grant_type=client_credentials&scope=a&client_id=post1&client_secret=' + s.post1.secret
    media = ('', 'Content-Type: \r\n', 'Content-Type: %s; charset=utf-8\r\n' % FORM, 'Content-Type: %s;charset="UTF-8"\r\n' % FORM, 'content-type:%s\r\n' % FORM.upper(),
             'Content-Type: %s; charset=latin1\r\n' % FORM, 'Content-Type: application/json\r\n', 'Content-Type: multipart/form-data; boundary=x\r\n',
             'Content-Type: %sx\r\n' % FORM, 'Content-Type: \t %s \t\r\n' % FORM)
    requests = [post(path, body, media=line) for path in ('/token', '/revoke', '/introspect', '/userinfo') for line in media]
    requests += [post('/token', body, 'Content-Encoding: %s\r\n' % coding) for coding in ('gzip', 'identity', '')]
    requests += [post('/token', body + '&pad=' + 'x' * size) for size in (0, 1000, 16000, 65000, 65535 - len(body) - 5, 65536 - len(body) - 5, 65537 - len(body) - 5)]
    requests += [post('/token', body, 'X-Pad: %s\r\n' % ('x' * size)) for size in (100, 8000, 16000, 17000)]
    requests += [post('/token', body, ''.join('X-%d: y\r\n' % number for number in range(count))) for count in (10, 60, 61, 62, 63, 64, 70)]
    compare(s, requests)


@test('two fronts what clients get wrong is told alike')
def _(s):
    basic = 'Authorization: %s\r\n' % s.c1.basic()
    forms = ('', 'grant_type=', 'grant_type=client_credentials', 'grant_type=client_credentials&scope=zzz', 'grant_type=password', 'grant_type=client_credentials&grant_type=x',
             'grant_type=authorization_code&code=x', 'grant_type=refresh_token&refresh_token=x', '=', '&', 'a=%', 'a=%00', 'a=\xff', 'a=b;c=d', 'token=x', 'token=', 'token=a&token=b',
             'token=eyJhbGciOiJub25lIn0.e30.', 'client_id=c2&token=x&grant_type=client_credentials', 'client_secret=x&token=x&grant_type=client_credentials')
    requests = [post(path, form, who) for path in ('/token', '/revoke', '/introspect') for form in forms
                for who in (basic, '', 'Authorization: Basic eDp5\r\n', 'Authorization: Basic ???\r\n', 'Authorization: Bearer x\r\n', 'Authorization:\r\n')]
    compare(s, requests, apart=True)


@test('two fronts addresses are spelled and understood alike')
def _(s):
    targets = ['/token', '/token?', '/token?a=b', '/token?a', '/token?%41=b', '/token?a=%2f', '/token?a=%2F', '/token?grant_type=x', '/token/', '//token', '/./token', '/x/../token', '/token/.', '/token/..',
               '/%74oken', '/token%20', '/token%2F', '/TOKEN', '/token;x', '/token?a=[1]', '/token?a=^`{|}', '/token?%', '/token?%zz', '/token#x', '/token?x#y', '/jwks?x=1', '/jwks/../token', '/jwks/..',
               '/jwks/%2e%2e', '/jwks/a%2Eb.pem', '/jwks/...pem', '/jwks/..pem', '/jwks/' + 'x' * 300 + '.pem', '/status-lists/..', '/status-lists/...', '/status-lists/1?time=1', '/status-lists/1?%74ime=1',
               '/status-lists/1?x&time=1', '/status-lists/1?time', '/check?scope=a', '/check?scope=a%20b&audience=https%3A%2F%2Fr1.test%2F', '/check?scope=%61', '/check?scope=a&scope=b', '/check?scope=%22',
               '/check?scope=%C3%A9', '/check?a=%00', '/check?scope=a+b', '/.well-known/oauth-authorization-server/', '/.well-known/./oauth-authorization-server', '/.well-known/oauth-authorization-server?x=y',
               '*', '/', '/nothing', '/token ', 'http://as.test/token', 'token']
    requests = [head(method, target) for target in targets for method in ('GET', 'POST', 'HEAD', 'OPTIONS')]
    requests += [head('GET', '/jwks', host='Host: %s\r\n' % host) for host in ('', '[::1]', '[::1]:80', '[:::]', '[1.2.3.4]', '[::1', '[]', 'a..b', '.', '-', '_', '1.2.3.4.5', 'xn--a', 'xn--', 'a:', 'a:0', 'a:65535',
                                                                            'a:65536', '[::ffff:1.2.3.4]:1', '[' + '1:' * 30 + ']', '[fe80::1%25eth0]')]
    requests += [head('GET', '/jwks', host=''), head('GET', '/jwks', host=HOST + HOST)]
    compare(s, requests)


@test('two fronts an address that is spelled otherwise is none of an endpoint')
def _(s):
    token = s.machine_token(s.c1)
    basic = 'Authorization: %s\r\n' % s.c1.basic()
    escaped = ('/%69ntrospect', '/introspec%74', '/%72evoke', '/%74oken', '/%75serinfo', '/%63heck', '/%6Awks', '/jwk%73', '/jwks/%61.pem', '/status-lists/%31', '/status%2Dlists', '/%2ewell-known/openid-configuration',
               '/.well-known/oauth%2dauthorization-server', '/%6c%6f%67in', '/tessera%2ecss')
    dotted = ('/./introspect', '/x/../introspect', '/%2e/introspect', '/x/%2E%2e/introspect', '/../introspect', '/introspect/.', '/introspect/..', '/jwks/../introspect', '/x/.%2e/jwks', '/.', '/..', '/x/%2e', '/../%6awks')
    for targets, status in ((escaped, 404), (dotted, 400)):
        requests = [request for target in targets for request in (head('GET', target, basic), post(target, 'token=' + token, basic), head('GET', target + '?a=b', basic))]
        for answers in both(s, requests, apart=True):
            for request, answer in zip(requests, answers):
                check(answer.startswith('HTTP/1.1 %d ' % status) and answer.count('HTTP/1.') == 1, '%r was answered by %r' % (request, answer[:200]))
    check(s.is_active(token), 'a token that nobody revoked')


@test('two fronts versions, connections and fields are treated alike')
def _(s):
    requests = [head('GET', '/jwks', fields, version, host) for version in ('1.0', '1.1', '1.2', '2.0') for host in (HOST, '')
                for fields in ('', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Connection: upgrade\r\nUpgrade: websocket\r\n', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n',
                               'Range: bytes=0-1\r\n', 'If-None-Match: *\r\n', 'If-None-Match: "x"\r\nIf-None-Match: *\r\n', 'If-None-Match: *\r\nIf-None-Match: "x"\r\n', 'Expect: 100-continue\r\n',
                               'Transfer-Encoding: chunked\r\n', 'X-Forwarded-For: 192.0.2.1\r\n', 'Cookie: a=b\r\n', 'Cookie: a=b\r\nCookie: c=d\r\n', 'Origin: a\r\nOrigin: b\r\n')]
    body = 'grant_type=client_credentials&scope=a&client_id=post1&client_secret=' + s.post1.secret
    requests += [post('/token', body, fields, version=version) for version in ('1.0', '1.1') for fields in ('', 'Connection: keep-alive\r\n', 'Connection: close\r\n', 'Expect: 100-continue\r\n', 'Expect: 200-ok\r\n')]
    compare(s, requests)


@test('two fronts what is behind one request is the next one, or nothing')
def _(s):
    body = 'grant_type=client_credentials&scope=a&client_id=post1&client_secret=' + s.post1.secret
    token, keys, page = post('/token', body), head('GET', '/jwks'), head('GET', '/tessera.css')
    revocation = post('/revoke', 'token=x&client_id=post1&client_secret=' + s.post1.secret)
    requests = [keys + keys, keys * 40, token * 5 + keys, keys + page + keys + page, page + keys, revocation * 20 + keys, token + revocation + page + revocation, keys + 'GARBAGE\r\n\r\n', keys + '\r\n' + keys,
                head('GET', '/jwks', 'Connection: close\r\n') + keys, head('HEAD', '/jwks') + keys, token + 'x', token[:-1], keys[:-1], keys + token[:-3], head('GET', '/jwks', version='1.0') + keys]
    compare(s, requests, halves=True)


@test('two fronts good answers are alike')
def _(s):
    tokens = s.tokens(s.openid, scope='openid a')
    machine = s.machine_token(s.openid)
    basic = 'Authorization: %s\r\n' % s.openid.basic()
    requests = [post('/introspect', 'token=' + token, basic) for token in (machine, tokens['access_token'], tokens['refresh_token'], tokens['id_token'], 'x')]
    requests += [head('GET', '/userinfo', 'Authorization: Bearer %s\r\n' % token) for token in (machine, tokens['access_token'], 'x')]
    requests += [post('/userinfo', '', 'Authorization: Bearer %s\r\n' % tokens['access_token'])]
    requests += [head('GET', '/check', 'Authorization: Bearer %s\r\n' % token) for token in (machine, tokens['access_token'], 'x')]
    requests += [head(method, '/jwks/%s.pem' % kid) for kid in s.signing_keys() for method in ('GET', 'HEAD')]
    requests += [head('GET', '/status-lists', 'Accept: */*\r\n'), head('GET', '/status-lists/1', 'Accept: text/plain\r\n')]
    compare(s, requests)


@test('two fronts revocation works through either, and the other one knows')
def _(s):
    for direct in (False, True):
        set_direct(s, direct)
        token = s.machine_token(s.c1)
        check(s.is_active(token), 'a fresh token')
        equal(s.revoke(token, s.c1).status, 200)
        check(not s.is_active(token), 'a revoked token')
        set_direct(s, not direct)
        check(not s.is_active(token), 'a revoked token, asked the other way')
    set_direct(s, False)


@test('two fronts the log says the same of a refusal')
def _(s):
    lines = []
    for direct in (False, True):
        set_direct(s, direct)
        s.source = '127.9.9.9'
        ask(s, post('/token', 'grant_type=nothing', 'Authorization: %s\r\n' % s.c1.basic()))
        ask(s, head('GET', '/token?x=y'))
        found = [line for line in s.log_lines() if 'from="127.9.9.9"' in line and 'path="/token"' in line]
        lines.append([re.sub(r'request=\w+', 'request=ID', line[line.index('refused'):]) for line in found])
    set_direct(s, False)
    equal(len(lines[0]), 2, 'lines')
    equal(lines[1][2:], lines[0], 'lines')


@test('two fronts a client that sends slowly, byte by byte, is answered alike')
def _(s):
    body = 'token=x&client_id=post1&client_secret=' + s.post1.secret
    request = post('/introspect', body).encode()
    answers = []
    for direct in (False, True):
        set_direct(s, direct)
        with socket.create_connection(('127.0.0.1', s.port), 10) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in request:
                connection.sendall(bytes([byte]))
            connection.shutdown(socket.SHUT_WR)
            got = b''
            while part := connection.recv(65536):
                got += part
        answers.append(normalised(got.decode()))
    set_direct(s, False)
    contains(answers[0], '{"active":false}')
    equal(sorted_head(answers[1]), sorted_head(answers[0]))


if __name__ == '__main__':
    main(service)
