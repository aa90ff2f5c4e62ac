#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""TLS handshakes one after the other, and greetings of clients who then say nothing, by several programs at once
and from many addresses, beside clients that behave."""

import collections
import ssl
import time

from crowd import PER_ADDRESS, Child, Guest, JWKS, Turns, connect, main, raise_descriptors, read_answer, say_hello, subject, until

ADDRESSES = 50  # of each program
HELD = 1000  # connections of each program, none of which is ever used


class TlsGuest(Guest):
    def __init__(self, service):
        super().__init__(service, JWKS)
        self.context = ssl.create_default_context(cafile=service.certificate)

    def ask(self):
        began = time.perf_counter()
        try:
            with self.context.wrap_socket(connect(self.service.tls_port), server_hostname='127.0.0.1') as connection:
                connection.sendall(self.request)
                status, _ = read_answer(connection)
        except OSError:
            status = None
        self.n += 1
        self.wrong += status != self.status
        return (time.perf_counter() - began) * 1000


def flood(pipe, port, number, seconds):
    """Handshakes, without a request behind them: how many."""
    raise_descriptors()
    context = ssl._create_unverified_context()
    count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            context.wrap_socket(connect(port, number + PER_ADDRESS * (count % ADDRESSES))).close()
            count += 1
        except OSError:
            pass
    pipe.send(count)


def replay(pipe, port, number, seconds):
    """The same greeting again and again, which costs nothing and has the service compute: how often."""
    raise_descriptors()
    hello, held, count = say_hello(), collections.deque(), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            held.append(connect(port, number + count % (PER_ADDRESS * ADDRESSES)))
            held[-1].sendall(hello)
            count += 1
        except OSError:
            pass
        if len(held) > HELD:
            held.popleft().close()
    pipe.send(count)


def attack(service, turns, tls_turns, guests, what, attackers, seconds):
    """How much the attackers did; both guests ask meanwhile."""
    guest, tls_guest = guests
    children = [Child(what, service.tls_port, PER_ADDRESS * ADDRESSES * number, seconds) for number in range(attackers)]
    half = time.monotonic() + seconds / 2
    turns.besieged.append(guest.ask_while(lambda: time.monotonic() < half))
    tls_turns.besieged.append(tls_guest.ask_while(lambda: not any(child.pipe.poll(0) for child in children)))
    made = sum(child.hear() for child in children)
    for child in children:
        child.end()
    return made


def besiege(report, arguments):
    attackers, rounds, seconds = (4, 4, 6) if arguments.long else (3, 1, 2)
    turns, tls_turns, replayed, tls_replayed, made, greetings = Turns(), Turns(), Turns(), Turns(), 0, 0
    with subject(report, tls=True) as service:
        guests = guest, tls_guest = Guest(service), TlsGuest(service)
        guest.ask_times(100)
        tls_guest.ask_times(100)
        before, descriptors = service.memory(), service.descriptors()
        for _ in range(rounds):
            turns.quiet.append(guest.ask_times(600 if arguments.long else 100))
            tls_turns.quiet.append(tls_guest.ask_times(200 if arguments.long else 50))
            made += attack(service, turns, tls_turns, guests, flood, attackers, seconds)
        after = service.memory()
        for _ in range(rounds):
            greetings += attack(service, replayed, tls_replayed, guests, replay, attackers, seconds)
        report.check('handshakes made', made > 100, '{:,}, {:,} a second'.format(made, made // (rounds * seconds)))
        report.check('greetings replayed', greetings > 1000, '{:,}, {:,} a second, from {:,} addresses'.format(
            greetings, greetings // (rounds * seconds), attackers * ADDRESSES))
        report.check('a client without TLS is answered', guest.wrong == 0, '{:,} of {:,}'.format(guest.n - guest.wrong, guest.n), 'all')
        report.check('a client with TLS is answered', tls_guest.wrong == 0, '{:,} of {:,}'.format(tls_guest.n - tls_guest.wrong, tls_guest.n), 'all')
        report.check('memory after the handshakes', after <= before + 8, '%.1f MiB (%.1f before)' % (after, before), '8 MiB more')
        report.check('descriptors come back', until(lambda: service.descriptors() <= descriptors, 10) is not None)
        report.say('memory after the greetings', '%.1f MiB, at most %.1f' % (service.memory(), service.peak()))
        report.say('with TLS', 'p50 %.1f and %.1f ms, p99 %.1f and %.1f ms' % (
            tls_turns.p50(tls_turns.quiet), tls_turns.p50(tls_turns.besieged), tls_turns.p99(tls_turns.quiet), tls_turns.p99(tls_turns.besieged)))
        report.say('among greetings', 'p50 %.1f ms, p99 %.1f ms' % (replayed.p50(replayed.besieged), replayed.p99(replayed.besieged)))
        report.say('among greetings, with TLS', 'p50 %.1f ms, p99 %.1f ms' % (
            tls_replayed.p50(tls_replayed.besieged), tls_replayed.p99(tls_replayed.besieged)))
        turns.report(report)


if __name__ == '__main__':
    main('handshakes', besiege)
