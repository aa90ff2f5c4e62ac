#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests that are too large, many at a time: refused with the right status, and without memory for them."""

import ssl
from concurrent.futures import ThreadPoolExecutor

from crowd import (HOST, MIB, PER_ADDRESS, TLS_HALF_RECORD, TLS_HANDSHAKE, TLS_IDLE, Child, Guest, ask_by_tls, connect, is_kept, main, post, raise_descriptors,
                   read_answer, say_hello, subject)

MEMORY = 64  # MiB
HUGE = 300 * 1000 * 1000
MANY = 100 * 1000
BLOCK = b'a' * (1 << 20)
BASIC = b'Authorization: Basic eDp5\r\n'
CHUNKED = b'POST /token HTTP/1.1\r\n' + HOST + b'Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n'
GET = b'GET %s HTTP/1.1\r\n' + HOST


# What is sent, how many blocks come behind it, and the statuses of the answers.
def attacks():
    pairs = b'&'.join(b'p%d=' % number for number in range(MANY))
    return {
        'a body of 300 MB': (post('/token', b'', length=HUGE), HUGE, [413]),
        'a body of 300 MB, its length in seven digits': (post('/token', b'', length=9999999), HUGE, [413]),
        'a body of 300 MB in chunks': (CHUNKED + b'%x\r\n' % HUGE, HUGE, [411]),
        '300 MB behind a form': (post('/introspect', b'', BASIC), HUGE, [401, 501]),
        '100,000 parameters': (post('/token', pairs), 0, [413]),
        '32,768 parameters of one letter': (post('/token', b'&'.join([b'a'] * 32768), BASIC), 0, [400]),
        '65,536 separators': (post('/token', b'&' * 65536, BASIC), 0, [400]),
        '100,000 parameters in the address': (GET % (b'/authorize?' + pairs) + b'\r\n', 0, [414]),
        '4,000 parameters in the address': (GET % (b'/authorize?' + b'&'.join([b'a'] * 4000)) + b'\r\n', 0, [400]),
        'a field of 64 KiB': (GET % b'/jwks' + b'X: ' + b'a' * 65536 + b'\r\n\r\n', 0, [431]),
        'cookies of 64 KiB': (GET % b'/authorize' + b'Cookie: ' + b'a=b; ' * 13107 + b'\r\n\r\n', 0, [431]),
        '100,000 fields': (GET % b'/jwks' + b'X: y\r\n' * MANY + b'\r\n', 0, [431]),
        'an address of 64 KiB': (GET % (b'/' + b'a' * 65536) + b'\r\n', 0, [414]),
        'fields of 300 MB': (GET % b'/jwks' + b'X: ', HUGE, [431]),
    }


def send(port, number, data, more):
    """(statuses of the answers, bytes that were taken)"""
    statuses, taken, rest = [], 0, b''
    with connect(port, number) as connection:
        try:
            connection.sendall(data)
            while taken < more:
                connection.sendall(BLOCK)
                taken += len(BLOCK)
            if not more:
                connection.shutdown(1)
        except OSError:
            pass
        try:
            while True:
                status, rest = read_answer(connection, rest)
                if status is None:
                    break
                statuses.append(status)
        except OSError:
            pass
    return statuses, taken + len(data)


def send_all(pipe, port, times):
    """{attack: (its answers that were wrong, the most that was taken of one)}"""
    raise_descriptors()
    for name, (data, more, statuses) in attacks().items():
        with ThreadPoolExecutor(times) as pool:
            done = list(pool.map(lambda number: send(port, number * PER_ADDRESS, data, more), range(times)))
        pipe.send((name, [seen for seen, _ in done if seen != statuses], max(taken for _, taken in done)))
    pipe.send(None)


def send_halves(pipe, port, count):
    """Bodies of which the last byte is missing, as many as there are connections."""
    raise_descriptors()
    data = post('/token', b'a' * 65535, length=65536)
    connections = []
    for number in range(count):
        connection = connect(port, number)
        try:
            connection.sendall(data)
        except OSError:
            pass
        connections.append(connection)
    statuses = {}
    pipe.send('sent')
    pipe.recv()
    for connection in connections:
        try:
            connection.sendall(b'a')
            status, _ = read_answer(connection)
        except OSError:
            status = None
        statuses[status] = statuses.get(status, 0) + 1
        connection.close()
    pipe.send(statuses)


def hold_half_records(port, count):
    context = ssl._create_unverified_context()
    for number in range(count):
        connection, _ = ask_by_tls(context, port, number)
        try:
            connection.sendall(b'\x17\x03\x03\x40\x00' + b'a' * 16000)
        except OSError:
            pass
        yield connection


def read_hello(connection):
    try:
        connection.recv(1)
    except OSError:
        pass


def hold_half_handshakes(port, count):
    hello = say_hello()
    for number in range(count):
        connection = connect(port, number)
        connection.sendall(hello)
        if number % 20 == 0:  # more would wait for their turn than are let wait
            read_hello(connection)
        yield connection


def hold(pipe, hold_some, port, count):
    """Says when all are there, then how many were not closed meanwhile."""
    raise_descriptors()
    connections = list(hold_some(port, count))
    pipe.send('held')
    pipe.recv()
    pipe.send(sum(map(is_kept, connections)))
    for connection in connections:
        connection.close()


def besiege_by_tls(report, is_long):
    """Each holds as much of OpenSSL's memory as it can, more of them than there is room for."""
    size, count = (96 * MIB, 4500) if is_long else (8 * MIB, 400)
    limits = 'tls-size=%d\nhandshake-timeout=600\nidle-timeout=600\npressed-idle-timeout=600\n' % size
    with subject(report, limits=limits, tls=True) as service:
        guest = Guest(service)
        guest.ask_times(50)
        before = service.memory()
        for name, hold_some, each in (('records', hold_half_records, TLS_IDLE + TLS_HALF_RECORD), ('handshakes', hold_half_handshakes, TLS_HANDSHAKE)):
            child = Child(hold, hold_some, service.tls_port, count)
            child.hear(300)
            guest.ask_times(10)
            child.say('look')
            kept = child.hear()
            child.end()
            report.check('{:,} half {}: so many are kept'.format(count, name), 0 < kept <= size // each, '{:,}'.format(kept), '{:,}'.format(size // each))
        limit = MEMORY + size * 3 // 2 // MIB  # one crowd leaves holes that the next does not fit into
        report.check('memory at its most, with TLS', service.peak() <= limit, '%.1f MiB (%.1f before)' % (service.peak(), before), '%d MiB' % limit)
        report.check('a client without TLS is answered meanwhile', guest.wrong == 0, '{:,} of {:,}'.format(guest.n - guest.wrong, guest.n), 'all')


def besiege(report, arguments):
    times, halves = (16, 9000) if arguments.long else (4, 1500)
    with subject(report) as service:
        guest = Guest(service)
        guest.ask_times(50)
        before = service.memory()
        child = Child(send_all, service.port, times)
        while True:
            done = None
            guest.ask()
            if child.pipe.poll(0):
                done = child.hear()
                if done is None:
                    break
                name, wrong, taken = done
                report.check('%d times %s' % (times, name), not wrong, ', '.join(map(str, attacks()[name][2])) if not wrong else str(wrong),
                             'at most %.1f MB taken' % (taken / 1e6))
        child.end()
        child = Child(send_halves, service.port, halves)
        child.hear()
        guest.ask_times(10)
        child.say('go on')
        statuses = child.hear()
        child.end()
        report.check('{:,} bodies but for a byte: at most 16 MiB of them are kept'.format(halves),
                     statuses.get(400, 0) + statuses.get(401, 0) <= 256 and sum(statuses.values()) == halves,
                     ', '.join('%s: %d' % (status or 'cut', count) for status, count in sorted(statuses.items(), key=str)), '256 of them')
        report.check('memory at its most', service.peak() <= MEMORY, '%.1f MiB (%.1f before)' % (service.peak(), before), '%d MiB' % MEMORY)
        report.check('a client that behaves is answered', guest.wrong == 0, '{:,} of {:,}'.format(guest.n - guest.wrong, guest.n), 'all')
    besiege_by_tls(report, arguments.long)


if __name__ == '__main__':
    main('large', besiege)
