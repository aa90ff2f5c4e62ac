#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that take their time: with a head, a body, the reading of answers, a handshake."""

import select
import time

from crowd import HOST, JWKS, Child, Guest, Turns, connect, main, post, raise_descriptors, say_hello, subject, until

READ_LITTLE = 2048  # bytes that a slow reader's kernel takes
PIPELINED = 300


# What each kind says at once, what it goes on with byte by byte, and where.
def kinds(tls_port, port):
    hello = say_hello()
    body = b'grant_type=client_credentials&scope=' + b'a' * 4000
    return {
        'heads': (port, b'GET /jwks HTTP/1.1\r\n' + HOST + b'X: ', b'a' * 1000, None),
        'bodies': (port, post('/token', b'', length=len(body)), body, None),
        'readers': (port, JWKS * PIPELINED, b'', READ_LITTLE),
        'handshakes, half a greeting': (tls_port, hello[:len(hello) // 2], hello[len(hello) // 2:-1], None),
        'handshakes, a greeting': (tls_port, hello, b'', None),
    }


def counts(each):
    return {'heads': each, 'bodies': each, 'readers': each,
            'handshakes, half a greeting': each // 2, 'handshakes, a greeting': each - each // 2}


class Slow:
    def __init__(self, kind, plan, number):
        port, first, self.rest, receive = plan
        self.kind, self.at = kind, 0
        self.connection = connect(port, number, receive=receive)
        self.began = time.monotonic()
        self.gone = None
        self.connection.setblocking(False)
        self.pending = first
        self.reads = kind != 'readers'

    def go_on(self):
        """A byte more."""
        if not self.pending and self.at < len(self.rest):
            self.pending = self.rest[self.at:self.at + 1]
            self.at += 1
        try:
            if self.pending:
                self.pending = self.pending[self.connection.send(self.pending):]
        except BlockingIOError:
            pass
        except OSError:
            self.gone = self.gone or time.monotonic()

    def look(self, events):
        """A slow reader does not read, but is told of a reset."""
        if events & (select.EPOLLHUP | select.EPOLLERR):
            self.gone = time.monotonic()
        elif self.reads:
            try:
                if not self.connection.recv(65536):
                    self.gone = time.monotonic()
            except BlockingIOError:
                pass
            except OSError:
                self.gone = time.monotonic()


def dawdle(pipe, port, tls_port, each, seconds):
    """Says when all are there, then {kind: (how many are gone, seconds of the last one)}."""
    raise_descriptors()
    plans, all_of_them, poll = kinds(tls_port, port), {}, select.epoll()
    number = 0
    for kind, count in counts(each).items():
        for _ in range(count):
            slow = Slow(kind, plans[kind], number)
            all_of_them[slow.connection.fileno()] = slow
            poll.register(slow.connection, select.EPOLLIN | select.EPOLLRDHUP if slow.reads else 0)
            slow.go_on()
            number += 1
    pipe.send(number)
    deadline = time.monotonic() + seconds
    step = time.monotonic() + 1
    while time.monotonic() < deadline and any(slow.gone is None for slow in all_of_them.values()):
        for fd, events in poll.poll(0.1):
            slow = all_of_them[fd]
            slow.look(events)
            if slow.gone is not None:
                poll.unregister(fd)
        if time.monotonic() >= step:
            step += 1
            for slow in all_of_them.values():
                if slow.gone is None:
                    slow.go_on()
    result = {}
    for slow in all_of_them.values():
        gone, last = result.get(slow.kind, (0, 0))
        result[slow.kind] = (gone + (slow.gone is not None), max(last, (slow.gone or float('inf')) - slow.began))
    pipe.send(result)
    pipe.recv()


def besiege(report, arguments):
    # In short they have 2 s each instead of the 10 s, 10 s, 10 s and 5 s that the service gives.
    each, rounds, limit, limits = (200, 3, 15, '') if arguments.long else (40, 1, 15, ''.join(
        key + '-timeout=2\n' for key in ('head', 'body', 'write', 'handshake')))
    turns, seen, back = Turns(), {}, []
    with subject(report, limits=limits, tls=True) as service:
        guest = Guest(service, pause=0.002)
        guest.ask_times(200)
        descriptors = service.descriptors()
        for _ in range(rounds):
            turns.quiet.append(guest.ask_times(1500 if arguments.long else 100))
            child = Child(dawdle, service.port, service.tls_port, each, limit + 5)
            child.hear()
            began = time.monotonic()
            turns.besieged.append(guest.ask_while(lambda: not child.pipe.poll(0)))
            for kind, (gone, last) in child.hear().items():
                seen.setdefault(kind, []).append((gone, last))
            more = until(lambda: service.descriptors() <= descriptors, limit)
            back.append(time.monotonic() - began if more is not None else float('inf'))
            child.say('go')
            child.end()
        for kind, count in counts(each).items():
            last = max(last for _, last in seen[kind])
            report.check('slow ' + kind + ': gone', all(gone == count for gone, _ in seen[kind]) and last <= limit,
                         '%d of %d, the last after %.1f s' % (min(gone for gone, _ in seen[kind]), count, last), '%d s' % limit)
        report.check('all descriptors come back', max(back) <= limit, 'after %.1f s' % max(back), '%d s' % limit)
        report.check('a client that behaves is answered', guest.wrong == 0, '{:,} of {:,}'.format(guest.n - guest.wrong, guest.n), 'all')
        turns.report(report, ratio=2)


if __name__ == '__main__':
    main('slow', besiege)
