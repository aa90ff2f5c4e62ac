#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Thousands of connections that have asked once and then idle: what they cost, and what they cost others."""

import ssl

from crowd import JWKS, MIB, TLS_IDLE, Child, Guest, Turns, ask_by_tls, connect, is_kept, main, raise_descriptors, read_answer, subject, until

LIMITS = 'idle-timeout=600\npressed-idle-timeout=600\n'  # else they would go within seconds
MEMORY = 40  # MiB


def idle(pipe, port, count):
    """Connects, asks, idles until told to go; says how many of them were answered, then how many again."""
    raise_descriptors()
    connections = []
    answered = again = 0
    for number in range(count):
        connection = connect(port, number)
        connection.sendall(JWKS)
        answered += read_answer(connection)[0] == 200
        connections.append(connection)
    pipe.send(answered)
    pipe.recv()
    for connection in connections:
        connection.sendall(JWKS)
        again += read_answer(connection)[0] == 200
    pipe.send(again)
    pipe.recv()
    for connection in connections:
        connection.close()


def idle_by_tls(pipe, port, count):
    """The same by TLS; says how many were answered, then how many were not closed meanwhile."""
    raise_descriptors()
    context = ssl._create_unverified_context()
    connections, answered = [], 0
    for number in range(count):
        connection, good = ask_by_tls(context, port, number)
        connections.append(connection)
        answered += good
    pipe.send(answered)
    pipe.recv()
    pipe.send(sum(map(is_kept, connections)))
    pipe.recv()
    for connection in connections:
        connection.close()


def besiege_by_tls(report, is_long):
    """More than the service has room for: each is let in, and the oldest make way."""
    size, count = (96 * MIB, 9000) if is_long else (8 * MIB, 700)
    room = size // TLS_IDLE
    with subject(report, limits=LIMITS + 'tls-size=%d\n' % size, tls=True) as service:
        guest = Guest(service, JWKS)
        guest.ask_times(100)
        before, descriptors = service.memory(), service.descriptors()
        child = Child(idle_by_tls, service.tls_port, count)
        answered = child.hear(300)
        memory = service.memory()
        guest.ask_times(100)
        child.say('look')
        kept = child.hear()
        child.say('go')
        child.end()
        gone = until(lambda: service.descriptors() <= descriptors, 20) is not None
        limit = MEMORY + size // MIB
        report.check('connections with TLS, each of which has asked', answered == count, '{:,}'.format(answered), '{:,}'.format(count))
        report.check('of them may idle', room * 0.95 <= kept <= room, '{:,}'.format(kept), '{:,}'.format(room))
        report.check('memory with those', memory <= limit, '%.1f MiB (%.1f without)' % (memory, before), '%d MiB' % limit)
        report.check('all their descriptors come back', gone)
        report.check('fresh requests are answered meanwhile', guest.wrong == 0, '{:,} of {:,}'.format(guest.n - guest.wrong, guest.n), 'all')


def besiege(report, arguments):
    count, rounds, requests = (arguments.connections or 9000, 3, 2000) if arguments.long else (2000, 1, 200)
    turns = Turns()
    with subject(report, limits=LIMITS) as service:
        guest = Guest(service, JWKS)
        guest.ask_times(requests)
        before, descriptors = service.memory(), service.descriptors()
        memory, answered, again, gone = [], [], [], []
        for _ in range(rounds):
            turns.quiet.append(guest.ask_times(requests))
            child = Child(idle, service.port, count)
            answered.append(child.hear())
            memory.append(service.memory())
            turns.besieged.append(guest.ask_times(requests))
            child.say('again')
            again.append(child.hear())
            child.say('go')
            child.end()
            gone.append(until(lambda: service.descriptors() <= descriptors, 20) is not None)
        report.check('connections that idle', answered == [count] * rounds, '{:,}'.format(min(answered)), '{:,}'.format(count))
        report.check('each answers again afterwards', again == [count] * rounds, '{:,}'.format(min(again)), '{:,}'.format(count))
        report.check('memory with them', max(memory) <= MEMORY, '%.1f MiB (%.1f without)' % (max(memory), before), '%d MiB' % MEMORY)
        report.check('all descriptors come back', all(gone))
        report.check('fresh requests are answered', guest.wrong == 0, '{:,} of {:,}'.format(guest.n - guest.wrong, guest.n), 'all')
        turns.report(report, limit=1)
    besiege_by_tls(report, arguments.long)


if __name__ == '__main__':
    main('idle', besiege, lambda parser: parser.add_argument('--connections', type=int))
