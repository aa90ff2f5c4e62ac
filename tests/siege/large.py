#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests that are too large, many at a time: refused with the right status, and without memory for them."""

from concurrent.futures import ThreadPoolExecutor

from crowd import HOST, PER_ADDRESS, Child, Guest, connect, main, post, raise_descriptors, read_answer, subject

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


if __name__ == '__main__':
    main('large', besiege)
