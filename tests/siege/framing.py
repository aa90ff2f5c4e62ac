#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests framed so that somebody might read them otherwise: none may be executed twice, or misread.

Each probe carries marks. Its own request names a client OUTER that nobody registered, which the
service says in its log once for each time that it executes it; a request in hiding names HIDDEN, or
revokes a token that must stay good. What was executed is counted in the log, not guessed from answers.

The client closes its half of the connection behind the last byte, so that all that can be answered
is answered, and then the connection ends."""

import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

from tap import check, equal, main, one_of, test  # noqa: E402
from tessera_fixture import Service  # noqa: E402

OUTER, HIDDEN = b'OUTER___', b'HIDDEN__'  # placeholders, as long as what they stand for
HOST = b'Host: 127.0.0.1\r\n'
FORM = b'Content-Type: application/x-www-form-urlencoded\r\n'
TARGET = b'/authorize?client_id=' + OUTER
BODY = b'client_id=' + OUTER
LENGTH = b'Content-Length: %d\r\n' % len(BODY)
SMUGGLED = b'GET /authorize?client_id=' + HIDDEN + b' HTTP/1.1\r\n' + HOST + b'\r\n'
ANY = None
_names = set()
_tokens = []  # that no probe may revoke


def get(fields=b'', target=TARGET, method=b'GET', version=b'HTTP/1.1', host=HOST):
    return method + b' ' + target + b' ' + version + b'\r\n' + host + fields + b'\r\n'


def post(fields=LENGTH, body=BODY, host=HOST):
    return b'POST /authorize HTTP/1.1\r\n' + host + FORM + fields + b'\r\n' + body


def length(body, spelling=b'Content-Length: '):
    return spelling + b'%d\r\n' % len(body)


def revocation(service):
    """A request that ends a token, for who executes it."""
    token = service.machine_token(service.c1)
    _tokens.append(token)
    body = b'token=' + token.encode()
    return (b'POST /revoke HTTP/1.1\r\n' + HOST + FORM + b'Authorization: ' + service.c1.basic().encode() + b'\r\n'
            + length(body) + b'\r\n' + body)


def exchange(service, parts, half_close):
    """Everything that came back; whether the service closed."""
    with socket.create_connection(('127.0.0.1', service.port), 12, (service.source, 0)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        got = b''
        try:
            for part in parts:
                connection.sendall(part)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass
        try:
            while True:
                part = connection.recv(65536)
                if not part:
                    return got, True
                got += part
        except ConnectionError:
            return got, True
        except socket.timeout:
            return got, False


def read_answers(data):
    """Statuses of the final answers, whose bodies must be whole; interim ones are dropped."""
    statuses = []
    while data:
        head, end, rest = data.partition(b'\r\n\r\n')
        line = re.match(rb'HTTP/1\.[01] (\d{3}) ', head)
        check(end and line, 'no answer: %r' % data[:200])
        status = int(line[1])
        if status == 100:
            data = rest
            continue
        fields = re.findall(rb'(?im)^content-length:[ ]*(\d+)\r?$', head + b'\r')
        equal(len(fields), 1, 'Content-Length of %r' % head)
        size = 0 if status in (204, 304) else int(fields[0])
        check(len(rest) >= size, 'half an answer: %r' % data[:200])
        statuses.append(status)
        data = rest[size:]
    return statuses


_count = 0


def marks():
    global _count
    _count += 1
    return b'o%07d' % _count, b'h%07d' % _count


def count_executions(service, mark):
    return sum(('came="%s"' % mark.decode()) in line for line in service.log_lines())


def run(service, data, statuses, outer, hidden, half_close, extra=None):
    parts = [data] if isinstance(data, bytes) else list(data)
    names = marks()
    parts = [part.replace(OUTER, names[0]).replace(HIDDEN, names[1]) for part in parts]
    if isinstance(data, drip):
        parts = [parts[0][i:i + 1] for i in range(len(parts[0]))]
    got, closed = exchange(service, parts, half_close)
    what = '%r was answered by %r' % (b''.join(parts)[:600], got[:300])
    check(closed, 'the connection did not end: ' + what)
    answers = read_answers(got)
    if statuses is not ANY:
        check(len(answers) == len(statuses), '%d answers: %s' % (len(answers), what))
        for status, expected in zip(answers, statuses):
            one_of(status, expected if isinstance(expected, tuple) else (expected,), what)
    done = count_executions(service, names[0]), count_executions(service, names[1])
    if outer is not ANY:
        equal(done[0], outer, 'times that the request was executed; ' + what)
    else:
        check(done[0] <= 1, 'executed twice: ' + what)
    equal(done[1], hidden, 'times that the hidden request was executed; ' + what)
    if extra is not None:
        extra(got)


def probe(name, data, statuses, outer, hidden=0, half_close=True, extra=None):
    if name in _names:
        raise ValueError('twice: ' + name)
    _names.add(name)

    @test(name)
    def _(service):
        run(service, data(service) if callable(data) else data, statuses, outer, hidden, half_close, extra)


def refused(name, data, *statuses, **options):
    """One answer, nothing executed, and the end."""
    probe(name, data, [tuple(statuses) or (400,)], 0, 0, **options)


def served(name, data, answers=1, hidden=0, **options):
    """Executed once. The mark is of an unknown client, so that the answer is an error page."""
    probe(name, data, [400] * answers, 1, hidden, **options)


def dropped(name, data, **options):
    """Half a request: no answer, nothing executed."""
    probe(name, data, [], 0, 0, **options)


def smuggled(name, build, *statuses, outer=0, answers=None):
    """Once with a request that leaves a mark in the log, once with one that ends a token."""
    expected = answers if answers is not None else [tuple(statuses) or (400,)]
    probe(name, build(SMUGGLED), expected, outer)
    probe(name + ', to revoke', lambda service: build(revocation(service)), expected, outer)


def show(data):
    return ascii(data.decode('latin-1'))[1:-1].replace('#', '\\x23')


# --- Transfer-Encoding beside Content-Length: who counts by which? ---

CODINGS = [
    b'Transfer-Encoding: chunked', b'transfer-encoding: CHUNKED', b'Transfer-Encoding:chunked', b'Transfer-Encoding:\tchunked',
    b'Transfer-Encoding : chunked', b'Transfer-Encoding\t: chunked', b' Transfer-Encoding: chunked', b'\tTransfer-Encoding: chunked',
    b'Transfer-Encoding: \x0bchunked', b'Transfer-Encoding: chunked\x00', b'\x00Transfer-Encoding: chunked', b'Transfer\x00-Encoding: chunked',
    b'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', b'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
    b'Transfer-Encoding: identity, chunked', b'Transfer-Encoding: chunked, identity', b'Transfer-Encoding: gzip, chunked',
    b'Transfer-Encoding: chunked, chunked', b'Transfer-Encoding: xchunked', b'Transfer-Encoding: chunke', b'Transfer-Encoding: cow',
    b'Transfer-Encoding: "chunked"', b"Transfer-Encoding: 'chunked'", b'Transfer-Encoding: chunked;q=1', b'Transfer-Encoding:',
    b'Transfer-Encoding: identity', b'Transfer-Encoding:\r\n chunked', b'X: x\r\n Transfer-Encoding: chunked', b'X: x\nTransfer-Encoding: chunked',
    b'X: x\rTransfer-Encoding: chunked', b'Transfer-Encoding: chunked\nX: x', b'Transfer-Encoding: ch\xc3\xbcnked', b'Transfer-Encoding\xa0: chunked',
]


def cl_te(coding):
    def build(hidden):
        body = b'0\r\n\r\n' + hidden
        return post(length(body) + coding + b'\r\n', body)
    return build


def te_cl(coding):
    def build(hidden):
        body = b'%x\r\n' % len(hidden) + hidden + b'\r\n0\r\n\r\n'
        return post(coding + b'\r\n' + b'Content-Length: 4\r\n', body)
    return build


for _coding in CODINGS:
    smuggled('cl.te ' + show(_coding), cl_te(_coding), 400, 411)
    smuggled('te.cl ' + show(_coding), te_cl(_coding), 400, 411)
    refused('te alone ' + show(_coding), post(_coding + b'\r\n', b'%x\r\n' % len(BODY) + BODY + b'\r\n0\r\n\r\n'), 400, 411)

# Other names than Transfer-Encoding say nothing of a body.
for _name in (b'Transfer_Encoding', b'X-Transfer-Encoding', b'Transfer-Encodin', b'Transfer-Encoding2', b'TE'):
    smuggled('%s is no coding' % _name.decode(), cl_te(_name + b': chunked'), answers=[400], outer=ANY)

for _chunk in (b'3xyz', b'0x3', b'+3', b'-1', b' 3', b'3 ', b'03', b'ffffffffffffffff', b'fffffffffffffffff', b'3;a=b', b'3;\n', b'3\n', b'3\r', b'', b'g'):
    refused('chunk size ' + show(_chunk), post(b'Transfer-Encoding: chunked\r\n', _chunk + b'\r\nabc\r\n0\r\n\r\n' + SMUGGLED), 411)
refused('chunked with a trailer', post(b'Transfer-Encoding: chunked\r\nTrailer: X\r\n', b'0\r\nContent-Length: 5\r\nX: y\r\n\r\n' + SMUGGLED), 411)
refused('chunked of HTTP/1.0', b'POST /authorize HTTP/1.0\r\n' + HOST + b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n' + SMUGGLED, 411)
refused('chunked of GET', get(b'Transfer-Encoding: chunked\r\n') + b'0\r\n\r\n' + SMUGGLED, 411)

# --- Content-Length: one number, one spelling ---

for _value in (b'-1', b'+%d', b'%d %d', b'%d,%d', b'%d, %d', b'%d,0', b'0, %d', b'0x12', b'0%d', b'00', b'%d.0', b'1e1', b'', b'five', b'%d;', b'%d\x00', b'%d ;q',
               b'\x0b%d', b'%d\x0b', b'"%d"', b'\xd9\xa5', b'%d\t0', b'(%d)', b'%d\r\n 0', b'\r\n %d', b'--%d', b'%dL', b'%d_', b'0b1', b'0o7', b'NaN', b'Infinity'):
    _text = _value.replace(b'%d', b'%d' % len(BODY))
    refused('length ' + show(_value), post(b'Content-Length: ' + _text + b'\r\n') + SMUGGLED, 400)
for _number in (b'65537', b'9999999', b'10000000', b'2147483648', b'4294967314', b'9223372036854775807', b'18446744073709551634', b'9' * 30, b'9' * 400):
    refused('length %s of %d digits' % (_number.decode()[:20], len(_number)), post(b'Content-Length: ' + _number + b'\r\n') + SMUGGLED, 413)
for _first, _second in ((LENGTH, LENGTH), (LENGTH, b'Content-Length: 0\r\n'), (b'Content-Length: 0\r\n', LENGTH), (LENGTH, b'content-length: 5\r\n'),
                        (LENGTH, b'CONTENT-LENGTH:%d\r\n' % len(BODY)), (b'Content-Length:\r\n', LENGTH)):
    refused('two lengths %s' % show(_first + _second), post(_first + b'X: y\r\n' + _second) + SMUGGLED, 400)
for _spelling in (b'Content-Length : ', b'Content-Length\t: ', b' Content-Length: ', b'\tContent-Length: ', b'Content-Length\x00: ', b'Content Length: ', b'Content-Length\x0b: '):
    refused('spelling ' + show(_spelling), post(_spelling + b'%d\r\n' % len(BODY)) + SMUGGLED, 400)
for _spelling in (b'content-length: ', b'CONTENT-LENGTH:', b'Content-Length:\t', b'Content-Length:   '):
    served('spelling ' + show(_spelling), post(_spelling + b'%d\r\n' % len(BODY)))
served('white space behind the length', post(b'Content-Length: %d \t\r\n' % len(BODY)))

# Without a length there is no body: what comes is the next request, and none.
for _spelling in (b'', b'Content_Length: %d\r\n' % len(BODY), b'X-Content-Length: %d\r\n' % len(BODY), b'Content-Lengt: %d\r\n' % len(BODY)):
    probe('no length: ' + (show(_spelling) or 'nothing'), post(_spelling), [(400, 415), 400], 0)
refused('GET with a body', get(length(SMUGGLED)) + SMUGGLED)
refused('HEAD with a body', get(length(SMUGGLED), method=b'HEAD') + SMUGGLED)
for _method in (b'PUT', b'DELETE', b'PATCH', b'OPTIONS'):
    probe('%s with a body' % _method.decode(), get(length(SMUGGLED), method=_method) + SMUGGLED, [(200, 204, 400, 405, 501)], 0)

# --- bodies that look like requests ---

smuggled('a request as a body', lambda hidden: post(length(hidden), hidden), answers=[400], outer=ANY)
smuggled('a request behind the form', lambda hidden: post(length(BODY + b'&x=' + hidden), BODY + b'&x=' + hidden), answers=[400], outer=ANY)
smuggled('a request as a value of a field', lambda hidden: get(b'X: ' + hidden.replace(b'\r\n', b' ') + b'\r\n'), answers=[400], outer=1)
probe('a body longer than its length', post() + b'&more=1', [400, 400], 1)
probe('CRLF behind a body', post() + b'\r\n', [400, 400], 1)
probe('CRLF behind a body, and a request', post() + b'\r\n' + SMUGGLED, [400, 400], 1, 0)
probe('a zero byte behind a body', post() + b'\0', [400, 400], 1)
dropped('a body shorter than its length', post(b'Content-Length: 100\r\n'))
dropped('no body', post(body=b''))

# --- ends of lines ---

GOOD = get(b'X: y\r\n')
for _index, _where in enumerate(('request line', 'Host', 'field', 'end')):
    _lines = GOOD.split(b'\r\n')[:4]
    for _end in (b'\n', b'\r', b'\r\r\n', b'\n\r', b'\r\n\r', b'\x0b', b'\x0c', b'\xe2\x80\xa8', b'\x85'):
        if (_where == 'end' and _end not in (b'\n', b'\r\r\n', b'\n\r')) or (_where == 'field' and (_end == b'\r\n\r' or _end[0] > 0x7f)):
            continue  # what ends such a line is behind it, or belongs to its value
        _text = b''.join(line + (_end if index == _index else b'\r\n') for index, line in enumerate(_lines))
        _text += b'\r\n' if _where != 'end' else b''
        refused('%s ended by %s' % (_where, show(_end)), _text + SMUGGLED, 400)
refused('LF everywhere', GOOD.replace(b'\r\n', b'\n') + SMUGGLED)
refused('CR everywhere', GOOD.replace(b'\r\n', b'\r') + SMUGGLED)
refused('LF LF inside a field', get(b'X: y\n\n' + SMUGGLED))
refused('CR inside a field', get(b'X: y\rContent-Length: 5\r\n') + SMUGGLED)
refused('LF inside a field', get(b'X: y\nContent-Length: 5\r\n') + SMUGGLED)
for _start in (b'\r\n', b'\r\n\r\n', b'\n', b'\r', b' ', b'\t', b'\0', b'\xef\xbb\xbf', b'\r\n ', b'\x16\x03\x01', b'\x80\x2e'):
    refused('before the request: ' + show(_start), _start + get(), 400)
for _fold in (b'X: y\r\n z\r\n', b'X: y\r\n\tz\r\n', b'X:\r\n y\r\n', b'X: y\r\n \r\n', b' X: y\r\n', b'\tX: y\r\n', b'X: y\r\n Content-Length: 5\r\n', b'Content-Length:\r\n 5\r\n'):
    refused('folding ' + show(_fold), get(_fold) + SMUGGLED)
refused('folding before Host', get(host=b' ' + HOST) + SMUGGLED)

# --- names and values ---

for _byte in b'\x00\x01\x08\x0b\x0c\x1b\x1f \t"(),/;<=>?@[\\]{}\x7f\x80\xa0\xff':
    refused('%s in a name' % show(bytes([_byte])), get(b'X' + bytes([_byte]) + b'Y: z\r\n') + SMUGGLED)
for _byte in b'\x00\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f':
    refused('%s in a value' % show(bytes([_byte])), get(b'X: y' + bytes([_byte]) + b'z\r\n') + SMUGGLED)
for _line in (b'X\r\n', b': y\r\n', b':\r\n', b'X y\r\n', b'X=y\r\n', b'GET / HTTP/1.1\r\n', b'\x00\r\n', b'\xff\r\n'):
    refused('line ' + show(_line), get(_line) + SMUGGLED)
served('an empty value', get(b'X:\r\n'))
served('a value beyond ASCII', get(b'X: \xc3\xa9\xff\r\n'))
served('every byte of a name', get(b"!#$%&'*+-.^_`|~09azAZ: y\r\n"))

# --- the request line ---

for _method in (b'get', b'Get', b'GETS', b'G', b'FOO', b'PROPFIND', b'PRI', b'M-SEARCH', b'G' * 17, b'G' * 5000, b'_GET', b'GET!'):
    refused('method ' + show(_method[:20]), get(method=_method), 501)
for _method in (b'', b'GE T', b'GET\0', b'"GET"', b'GET,', b'G(T', b'\xc7ET', b'GET\t', b'GET\x0b'):
    refused('method ' + show(_method), get(method=_method), 400, 501)
for _method in (b'TRACE', b'CONNECT'):
    refused('method ' + _method.decode(), get(method=_method), 405)
refused('CONNECT to a host', b'CONNECT evil.test:443 HTTP/1.1\r\n' + HOST + b'\r\n' + SMUGGLED, 405)
for _target in (b'http://127.0.0.1' + TARGET, b'HTTP://127.0.0.1' + TARGET, b'http://evil.test' + TARGET, b'https://127.0.0.1' + TARGET, b'file:///etc/passwd', b'127.0.0.1:80',
                b'evil.test', b'*', b'?client_id=' + OUTER, b'authorize?client_id=' + OUTER, b'\\authorize', b'.' + TARGET, b'', TARGET + b'#f', b'#' + TARGET,
                TARGET + b'%', TARGET + b'%z', TARGET + b'%zz', TARGET + b'%u0041', TARGET + b'<', TARGET + b'"', TARGET + b'\xc3\xa9', TARGET + b'\x7f', TARGET + b'\x01',
                TARGET + b'\0', TARGET + b' x', TARGET + b'\tx', TARGET + b' HTTP/1.1', b'/a\\b', b'/a|b', b'/a^b', b'/{a}', b'/[a]', b'javascript:1', b'//', b'data:,'):
    if _target == b'//':
        probe('target //', get(target=_target), [404], 0)
    else:
        refused('target ' + show(_target), get(target=_target) + SMUGGLED)
for _line in (b'GET  ' + TARGET + b' HTTP/1.1', b'GET ' + TARGET + b'  HTTP/1.1', b'GET\t' + TARGET + b'\tHTTP/1.1', b'GET ' + TARGET + b' HTTP/1.1 ', b'GET ' + TARGET + b'\tHTTP/1.1',
              b'GET ' + TARGET, b'GET', b'GET ', b'GET ' + TARGET + b' ', b'GET ' + TARGET + b' HTTP/1.1\0', b'GET\x0b' + TARGET + b' HTTP/1.1', b'GET\xa0' + TARGET + b' HTTP/1.1'):
    refused('request line ' + show(_line), _line + b'\r\n' + HOST + b'\r\n' + SMUGGLED)
for _version in (b'HTTP/0.9', b'HTTP/1.2', b'HTTP/1.9', b'HTTP/2.0', b'HTTP/3.0', b'HTTP/9.9', b'HTTP/0.0'):
    refused('version ' + _version.decode(), get(version=_version) + SMUGGLED, 505)
for _version in (b'http/1.1', b'HTTP/1.1x', b'HTTP/1.', b'HTTP/.1', b'HTTP/11', b'HTTP/1', b'HTTP/1.10', b'HTTP/01.1', b'HTTP/1,1', b'HTTP 1.1', b'HTTP/1.-1', b'HTTP/+1.1', b'HTTP/1. 1',
                 b'ICAP/1.0', b'HTTPS/1.1', b'HTTP/', b'HTTP', b'1.1', b'HTTP/\xd9\xa1.1', b'HTTP\\1.1'):
    refused('version ' + show(_version), get(version=_version) + SMUGGLED)
refused('HTTP/0.9', b'GET ' + TARGET + b'\r\n', 400)
refused('preface of HTTP/2', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0', 501, 505)

# --- Host ---

for _host in (b'', HOST + HOST, HOST + b'host: evil.test\r\n', b'Host: evil.test\r\nHOST: 127.0.0.1\r\n', b'Host:\r\n', b'Host: \r\n', b'Host: a b\r\n', b'Host: a,b\r\n', b'Host: a@b\r\n',
              b'Host: a/b\r\n', b'Host: a?b\r\n', b'Host: a#b\r\n', b'Host: http://a\r\n', b'Host: a:\r\n', b'Host: a:b\r\n', b'Host: a:-1\r\n', b'Host: a:65536\r\n', b'Host: a:999999\r\n',
              b'Host: :80\r\n', b'Host: [::1\r\n', b'Host: ::1\r\n', b'Host: [::1]x\r\n', b'Host: []\r\n', b'Host: [zz]\r\n', b'Host: a%00\r\n', b'Host: \xc3\xa9\r\n', b'Host: a\\b\r\n',
              b'Host : 127.0.0.1\r\n', b'Host: a\r\n b\r\n', b'Host: a"b\r\n', b'Host: <a>\r\n', b'Host: a\x01\r\n'):
    refused('host ' + (show(_host) or 'none'), get(host=_host) + SMUGGLED)
for _host in (b'Host: 127.0.0.1:8417\r\n', b'host: EVIL.test.\r\n', b'HOST:[::1]:80\r\n', b'Host: a_b-c.d~e\r\n'):
    served('host ' + show(_host), get(host=_host))
served('HTTP/1.0 without Host', get(version=b'HTTP/1.0', host=b''))
refused('HTTP/1.0 with two Hosts', get(version=b'HTTP/1.0', host=HOST + HOST))

# --- fields that must be single ---

for _name in (b'Authorization', b'Content-Type', b'Content-Encoding', b'Cookie', b'Origin', b'Upgrade', b'Sec-WebSocket-Key', b'Sec-WebSocket-Version', b'Expect'):
    _value = b'100-continue' if _name == b'Expect' else b'x'
    refused('two of ' + _name.decode(), get(_name + b': ' + _value + b'\r\n' + _name.lower() + b': ' + _value + b'\r\n') + SMUGGLED)
served('fields that may repeat', get(b'Accept: a\r\nAccept: b\r\nX: y\r\nX: z\r\n'))

# --- sizes ---

refused('target of 8193 bytes', get(target=b'/' + b'a' * 8192), 414)
refused('target of 60,000 bytes', get(target=b'/' + b'a' * 60000), 414)
refused('target without an end', b'GET /' + b'a' * 30000, 414)
probe('target of 8192 bytes', get(target=b'/' + b'a' * 8191), [404], 0)
refused('a field of 16 KiB', get(b'X: ' + b'a' * 16384 + b'\r\n'), 431)
refused('a field of 64 KiB', get(b'X: ' + b'a' * 65536 + b'\r\n'), 431)
refused('a name of 20,000 bytes', get(b'a' * 20000 + b': x\r\n'), 431)
refused('a field without an end', b'GET / HTTP/1.1\r\n' + HOST + b'X: ' + b'a' * 40000, 431)
refused('65 fields', get(b'X: y\r\n' * 64), 431)
refused('1000 fields', get(b'X: y\r\n' * 1000), 431)
served('64 fields', get(b'X: y\r\n' * 63))
refused('a body of 65,537 bytes', post(b'Content-Length: 65537\r\n', b'a' * 65537), 413)
probe('a body of 65,536 bytes', post(b'Content-Length: 65536\r\n', BODY + b'&x=' + b'a' * (65536 - len(BODY) - 3)), [(400, 413)], ANY)
refused('a body of 9 MB that never comes', post(b'Content-Length: 9999999\r\n', b''), 413, half_close=False)

# --- Expect ---

def one_continue(got):
    equal(got.count(b'HTTP/1.1 100 '), 1, 'interim answers')


def no_continue(got):
    equal(got.count(b'HTTP/1.1 100 '), 0, 'interim answers')


served('Expect with a body at once', post(LENGTH + b'Expect: 100-continue\r\n'))
served('Expect of HTTP/1.0', post(LENGTH + b'Expect: 100-continue\r\n').replace(b'HTTP/1.1', b'HTTP/1.0'), extra=no_continue)
served('Expect without a body', get(b'Expect: 100-continue\r\n'), extra=no_continue)
smuggled('Expect, and a request as a body', lambda hidden: post(length(hidden) + b'Expect: 100-continue\r\n', hidden), answers=[400], outer=ANY)
for _value in (b'', b'200-ok', b'100-continue, 200-ok', b'100', b'"100-continue"', b'100-continue;q=1', b'chunked'):
    refused('Expect: ' + show(_value), post(LENGTH + b'Expect: ' + _value + b'\r\n') + SMUGGLED, 417)
refused('Expect with a coding', post(b'Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n', b'0\r\n\r\n') + SMUGGLED, 411)
refused('Expect with a length too large', post(b'Expect: 100-continue\r\nContent-Length: 99999\r\n', b''), 413, extra=no_continue, half_close=False)


@test('Expect is answered before the body comes')
def _(service):
    outer, _hidden = marks()
    body = BODY.replace(OUTER, outer)
    with socket.create_connection(('127.0.0.1', service.port), 12, (service.source, 0)) as connection:
        connection.sendall(post(LENGTH + b'Expect: 100-continue\r\n', b''))
        equal(connection.recv(1000), b'HTTP/1.1 100 Continue\r\n\r\n')
        connection.sendall(body)
        connection.shutdown(socket.SHUT_WR)
        got = b''
        while part := connection.recv(65536):
            got += part
    equal(read_answers(got), [400])
    equal(count_executions(service, outer), 1)


# --- Upgrade ---

H2C = b'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
WEBSOCKET = b'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'


def no_switch(got):
    check(b'HTTP/1.1 101 ' not in got, 'it switched protocols')


served('Upgrade to h2c is not heard', get(H2C), extra=no_switch)
probe('Upgrade to h2c, then its preface', get(H2C) + b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, (501, 505)], 1, extra=no_switch)
probe('Upgrade to h2c, then a request', get(H2C) + SMUGGLED, [400, 400], 1, 1, extra=no_switch)
served('Upgrade to h2c of POST', post(LENGTH + H2C), extra=no_switch)
served('Upgrade to TLS is not heard', get(b'Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n'), extra=no_switch)
served('Upgrade without Connection', get(b'Upgrade: websocket\r\n'), extra=no_switch)
served('Upgrade to WebSocket where there is none', get(WEBSOCKET), extra=no_switch)
served('Upgrade to WebSocket of POST', post(LENGTH + WEBSOCKET), extra=no_switch)
served('Upgrade to two protocols', get(b'Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n'), extra=no_switch)


@test('Upgrade to WebSocket where there is none, then a request: executed once, if at all')
def _(service):
    outer, hidden = marks()
    got, closed = exchange(service, [(get(WEBSOCKET) + SMUGGLED).replace(OUTER, outer).replace(HIDDEN, hidden)], True)
    check(closed, 'open')
    no_switch(got)
    answers = read_answers(got)
    equal(count_executions(service, outer), 1)
    equal(count_executions(service, hidden), len(answers) - 1)


# --- one after the other ---

served('two requests', get() + SMUGGLED, 2, 1)
served('a form and a request', post() + SMUGGLED, 2, 1)
served('ten requests', get() + SMUGGLED * 9, 10, 9)
served('a request behind one that closes', get(b'Connection: close\r\n') + SMUGGLED)
served('a request behind one that closes in small letters', get(b'connection: keep-alive, CLOSE\r\n') + SMUGGLED)
served('a request behind one of HTTP/1.0', get(version=b'HTTP/1.0') + SMUGGLED)
served('a request behind one of HTTP/1.0 that would go on', get(b'Connection: keep-alive\r\n', version=b'HTTP/1.0') + SMUGGLED)
probe('a good request, then a bad one, then a good one', get() + get(b'X : y\r\n') + SMUGGLED, [400, 400], 1, 0)
for _option in (b'Host', b'Content-Length', b'Content-Type', b'Authorization', b'Cookie', b'close, Content-Length', b',,,', b'keep-alive;close', b'"close"'):
    smuggled('Connection: %s drops nothing' % _option.decode(), lambda hidden, option=_option: post(b'Connection: ' + option + b'\r\n' + length(hidden), hidden), answers=[400], outer=ANY)

# --- Range, and other fields that libsoup obeys ---

def whole(got):
    check(b'Content-Range' not in got and got.startswith(b'HTTP/1.1 200 '), 'not whole: %r' % got[:300])


for _range in (b'bytes=0-1', b'bytes=-99999', b'bytes=' + b','.join(b'%d-' % i for i in range(500)), b'bytes=1-0', b'bytes=18446744073709551615-', b'lines=1-2', b'bytes='):
    probe('Range: ' + show(_range[:40]), get(b'Range: ' + _range + b'\r\n', target=b'/jwks'), [200], 0, extra=whole)
served('TE and Trailer', get(b'TE: trailers, chunked\r\nTrailer: Content-Length\r\nConnection: TE\r\n'))
served('X-HTTP-Method-Override', get(b'X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /revoke\r\nX-Rewrite-URL: /revoke\r\n'))

# --- paths in disguise ---

for _path in (b'/authorize/', b'/authorize%2f', b'/authorize%3fclient_id=' + OUTER, b'/authorize;x', b'/authorize%00', b'/AUTHORIZE', b'//authorize', b'/authorize%20', b'/authorize.html', b'/x%2f..%2fauthorize',
              b'/authorize%2e', b'/%2fauthorize', b'/authorize%5c', b'/authorizeX'):
    probe('path ' + show(_path), get(target=_path + (b'' if b'?' in _path else b'?client_id=' + OUTER)), [(400, 404)], 0)

# Spelled otherwise they are the same address to whoever normalises it (RFC 3986 6.2.2), and another one to whoever compares.
for _path in (b'/%61uthorize', b'/%61%75%74%68%6f%72%69%7a%65', b'/authori%7Ae', b'/authoriz%65', b'/%41uthorize', b'/%2561uthorize', b'/authorize%2F', b'/%61uthorize%2f'):
    refused('path ' + show(_path), get(target=_path + b'?client_id=' + OUTER), 404)
for _path in (b'/./authorize', b'/x/../authorize', b'/../authorize', b'/authorize/.', b'/authorize/x/..', b'/%2e/authorize', b'/%2E/authorize', b'/x/%2e%2e/authorize', b'/x/.%2e/authorize', b'/x/%2E./authorize',
              b'//../authorize', b'/authorize/%2e', b'/x%2fy/../authorize', b'/.%2E/%2e/authorize', b'/x/../%61uthorize'):
    refused('path ' + show(_path), get(target=_path + b'?client_id=' + OUTER) + SMUGGLED)
for _spelling in (b'/%72evoke', b'/revok%65', b'/./revoke', b'/x/../revoke', b'/%2e/revoke', b'/x/%2e%2e/revoke', b'/r%65voke?a=b'):
    probe('path %s, to revoke' % show(_spelling), lambda service, spelling=_spelling: revocation(service).replace(b'/revoke', spelling), [(400, 404)], 0)

# --- byte by byte, and early ends ---


class drip(bytes):
    """Sent byte by byte."""


served('byte by byte', drip(get(b'X: y\r\n')))
served('a form byte by byte', drip(post()))
refused('two lengths byte by byte', drip(post(LENGTH + LENGTH)))
refused('a coding byte by byte', drip(post(b'Transfer-Encoding: chunked\r\n')), 411)
served('two requests byte by byte', drip(get() + SMUGGLED), 2, 1)
for _at in (1, 3, 4, len(get()) - 4, len(get()) - 3, len(get()) - 2, len(get()) - 1):
    served('split at byte %d' % (_at if _at < 9 else _at - len(get())), [get()[:_at], get()[_at:]])
    dropped('ended at byte %d' % (_at if _at < 9 else _at - len(get())), get()[:_at])
dropped('nothing at all', b'')
dropped('a head without its end', get()[:-2])


@test('a client that resets leaves nothing behind')
def _(service):
    outer, _hidden = marks()
    for data in (post(b'Content-Length: 100\r\n'), get()[:-1], post(b'')[:40]):
        connection = socket.create_connection(('127.0.0.1', service.port), 12, (service.source, 0))
        connection.sendall(data.replace(OUTER, outer))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        connection.close()
    equal(count_executions(service, outer), 0)


# --- the end ---

@test('no probe has ended a token')
def _(service):
    check(len(_tokens) > 80, '%d tokens' % len(_tokens))
    for token in _tokens:
        check(service.is_active(token), 'revoked')


@test('a request that revokes, sent openly, does end one')
def _(service):
    request = revocation(service)
    equal(read_answers(exchange(service, [request], True)[0]), [200])
    check(not service.is_active(_tokens[-1]), 'the probe would prove nothing')


@test('the service is in good health, and there were at least 200 probes')
def _(service):
    check(len(_names) >= 200, '%d probes' % len(_names))
    equal(service.get('/jwks').status, 200)


if __name__ == '__main__':
    main(Service)
