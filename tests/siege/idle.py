#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Thousands of connections that have asked once and then idle: what they cost, and what they cost others."""

from crowd import JWKS, Child, Guest, Turns, connect, main, raise_descriptors, read_answer, subject, until

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


if __name__ == '__main__':
    main('idle', besiege, lambda parser: parser.add_argument('--connections', type=int))
