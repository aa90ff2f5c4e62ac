#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The judge of histories: it must accept what may happen, and find each thing that must not."""

import itertools
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

import model  # noqa: E402
from tap import check, equal, main, test  # noqa: E402


def at(times, verb, token=-1, outcome='o', access=-1, refresh=-1):
    begun, ended = times
    return model.Operation(verb, token, begun, ended, outcome, access, refresh)


def story(*steps):
    """Operations one after another; a step is what follows the times in at ()."""
    clock = itertools.count()
    return [at((next(clock), next(clock)), *step) for step in steps]


ISSUED = ('i',)
REDEEMED = ('c', -1, 'o', 0, 0)


def rotated(number):
    return ('f', number, 'o', number + 1, number + 1)


def good(history):
    model.check(history)


def bad(history):
    try:
        model.check(history)
    except model.Violation:
        return
    check(False, 'not found in %r' % history)


def answers(state, operation):
    """What a right service says in this state: (the answered operation, the next state)."""
    verb, token = operation.verb, operation.token
    for outcome in '10' if verb in 'qm' else 'on':
        said = model.Operation(verb, token, operation.begun, operation.ended, outcome)
        if outcome == 'o' and verb in 'cft':
            said.access = operation.access  # numbers are unique
            said.refresh = {'c': 0, 'f': token + 1, 't': -1}[verb]
        for way, more in model.follow(state, said, False):
            if more:
                way = next((after for after, _ in model.follow(way, said, True)), None)
            if way is not None:
                return said, way
    raise AssertionError('nothing can be said to %r in %r' % (operation, state))


def life(dice, length, overlap):
    """What a right service answered, each at one instant; asked and heard up to @overlap earlier and later."""
    state, history = model.BEGINNING, []
    for number in range(length):
        verb = 'i' if number == 0 else 'c' if number == 1 else dice.choice('cffffvvzqqqqqqmmwx' if number > length // 2 else 'fffvqqqmwx')
        token = -1
        if verb in 'fzmx':
            token = max(0, state[1] - dice.choice([0, 0, 0, 1, 2]))
        elif verb in 'vq':
            token = dice.randrange(1 + max((operation.access for operation in history), default=0))
        instant = 10 * number
        asked = at((instant - dice.randrange(overlap + 1), instant + dice.randrange(overlap + 1)), verb, token, access=number)
        said, state = answers(state, asked)
        history.append(said)
    return history


@test('model what a right service says at once is good, however it overlaps')
def _():
    for seed in range(150):
        for overlap in (0, 12, 45):
            good(life(random.Random(seed), 30, overlap))


@test('model one wrong answer among many is found')
def _():
    for seed in range(150):
        history = life(random.Random(seed), 30, 0)
        asked = [operation for operation in history if operation.outcome in '01']
        wrong = random.Random(seed).choice(asked)
        wrong.outcome = '1' if wrong.outcome == '0' else '0'
        bad(history)


@test('model a life in order is good')
def _():
    good(story(ISSUED, ('w', -1, 'n'), REDEEMED, ('q', 0, '1'), rotated(0), ('x', 1, 'n'), rotated(1), ('m', 2, '1'), ('m', 0, '0'),
               ('v', 0), ('q', 0, '0'), ('q', 1, '1'), ('z', 2), ('q', 1, '0'), ('f', 2, 'n'), ('c', -1, 'n')))


@test('model a code is used once')
def _():
    bad(story(ISSUED, REDEEMED, ('c', -1, 'o', 1, 1)))
    bad([at((0, 1), 'i'), at((2, 5), 'c', -1, 'o', 0, 0), at((3, 4), 'c', -1, 'o', 1, 1)])


@test('model a code that was given is good')
def _():
    bad(story(ISSUED, ('c', -1, 'n')))
    bad(story(ISSUED, ('k',), ('c', -1, 'n')))


@test('model a replayed code ends its grant')
def _():
    good(story(ISSUED, REDEEMED, ('c', -1, 'n'), ('q', 0, '0')))
    bad(story(ISSUED, REDEEMED, ('c', -1, 'n'), ('q', 0, '1')))
    bad(story(ISSUED, REDEEMED, ('w', -1, 'n'), ('q', 0, '0')))


@test('model two at once: one is told no, the grant ends, and the other may be told no, too')
def _():
    for outcome in ('o', 'n'):
        good([at((0, 1), 'i'), at((2, 5), 'c', -1, outcome, *((0, 0) if outcome == 'o' else ())), at((3, 4), 'c', -1, 'n')])
    bad([at((0, 1), 'i'), at((2, 3), 'c', -1, 'n'), at((4, 5), 'c', -1, 'n')])


@test('model what was revoked is refused ever after')
def _():
    for verb in ('v', 'z'):
        bad(story(ISSUED, REDEEMED, (verb, 0), ('q', 0, '1')))
        bad(story(ISSUED, REDEEMED, (verb, 0), ('k',), ('q', 0, '1')))
        bad(story(ISSUED, REDEEMED, (verb, 0), ('q', 0, '0'), ('k',), ('k',), ('q', 0, '1')))
    bad(story(ISSUED, REDEEMED, ('z', 0), rotated(0)))


@test('model nothing is refused before it was revoked')
def _():
    bad(story(ISSUED, REDEEMED, ('q', 0, '0')))
    bad(story(ISSUED, REDEEMED, ('q', 0, '0'), ('v', 0)))
    bad(story(ISSUED, REDEEMED, ('f', 0, 'n')))
    bad(story(ISSUED, REDEEMED, ('k',), ('f', 0, 'n')))


@test('model while it is being revoked both answers are good, but not back and forth')
def _():
    def during(*outcomes):
        asked = [at((6 + 2 * number, 7 + 2 * number), 'q', 0, outcome) for number, outcome in enumerate(outcomes)]
        return [*story(ISSUED, REDEEMED), at((5, 100), 'v', 0), *asked]
    good(during('1', '1', '0', '0'))
    bad(during('1', '0', '1'))


@test('model a rotation stays made')
def _():
    good(story(ISSUED, REDEEMED, rotated(0), ('k',), ('f', 0, 'o', 2, 1), rotated(1)[:3] + (3, 2)))
    bad(story(ISSUED, REDEEMED, rotated(0), ('f', 0, 'o', 2, 2)))
    bad(story(ISSUED, REDEEMED, rotated(0), rotated(1), ('f', 0, 'o', 3, 1)))
    bad(story(ISSUED, REDEEMED, rotated(0), rotated(1), ('f', 0, 'n'), ('q', 1, '1')))
    bad(story(ISSUED, REDEEMED, rotated(0), ('k',), ('f', 1, 'n')))


@test('model what a crash took may have happened or not, but not first the one and then the other')
def _():
    lost = [*story(ISSUED, REDEEMED), at((10, 20), 'v', 0, 'l'), at((20, 20), 'k')]
    good([*lost, at((21, 22), 'q', 0, '1'), at((23, 24), 'q', 0, '1')])
    good([*lost, at((21, 22), 'q', 0, '0'), at((23, 24), 'q', 0, '0')])
    bad([*lost, at((21, 22), 'q', 0, '0'), at((23, 24), 'q', 0, '1')])
    bad([*lost, at((21, 22), 'q', 0, '1'), at((23, 24), 'q', 0, '0')])


@test('model what was seen of a revocation that was lost may be undone by the crash only')
def _():
    asked = [*story(ISSUED, REDEEMED), at((10, 20), 'v', 0, 'l'), at((11, 12), 'q', 0, '0')]
    good([*asked, at((20, 20), 'k'), at((21, 22), 'q', 0, '1')])
    bad([*asked, at((13, 14), 'q', 0, '1'), at((20, 20), 'k')])


@test('model a redemption that was lost is whole or not at all')
def _():
    lost = [at((0, 1), 'i'), at((2, 5), 'c', -1, 'l'), at((5, 5), 'k')]
    good([*lost, at((6, 7), 'c', -1, 'o', 0, 0), at((8, 9), 'q', 0, '1')])
    good([*lost, at((6, 7), 'c', -1, 'n'), at((8, 9), 'c', -1, 'n')])
    bad([*lost, at((6, 7), 'c', -1, 'n'), at((8, 9), 'c', -1, 'o', 0, 0)])


@test('model a rotation that was lost is repeated with the same successor')
def _():
    lost = [*story(ISSUED, REDEEMED), at((10, 20), 'f', 0, 'l'), at((20, 20), 'k')]
    good([*lost, at((21, 22), 'f', 0, 'o', 1, 1), at((23, 24), 'f', 1, 'o', 2, 2)])
    bad([*lost, at((21, 22), 'f', 0, 'n')])


@test("model a machine's tokens are revoked one by one")
def _():
    good(story(('t', -1, 'o', 0), ('t', -1, 'o', 1), ('v', 0), ('q', 0, '0'), ('q', 1, '1')))
    bad(story(('t', -1, 'o', 0), ('t', -1, 'o', 1), ('v', 0), ('q', 1, '0')))
    bad(story(('t', -1, 'o', 0), ('t', -1, 'o', 0)))


@test('model an answer that is none is found')
def _():
    bad(story(ISSUED, ('c', -1, 'e')))
    bad(story(ISSUED, REDEEMED, ('x', 0, 'o', 1, 1)))
    bad(story(ISSUED, ('w', -1, 'o', 0, 0)))


def tally(silent='', times=10):
    """Of a life of each kind; of the verbs @silent one in ten was answered."""
    counts = model.Tally()
    for verb in 'itcwfxvzqm':
        counts.add(verb, times, times // 10 if verb in silent else times, times * 9 // 10 if verb in silent else 0)
    return counts


@test('model a verb that is hardly answered is found, whichever it is')
def _():
    equal(tally().unheard(5, 0.9), [])
    for verb in 'itcwfxvzqm':
        check(tally(verb).unheard(5, 0.9), verb)
        equal(tally(verb).busy(), 9)
    for verbs in model.NAMES.values():
        check(tally(verbs, 0).unheard(0, 0), 'never asked, never answered')
        check(tally(verbs, 100).unheard(50, 0), 'too few')
    check(model.Tally().unheard(0, 0), 'nothing was asked')


@test('model 503 is counted, and is no answer')
def _():
    counts = model.Tally()
    for operation in story(ISSUED, ('c', -1, 'b'), ('c', -1, 'l'), REDEEMED, ('k',)):
        counts.count(operation)
    equal((counts.of('i'), counts.of('c'), counts.of('k')), ([1, 1, 0], [3, 1, 1], [0, 0, 0]))


@test('model a line of the connections is read as it was written')
def _():
    number, history = model.parse('7 i,-1,10,20,o,-1,-1 c,-1,30,40,o,0,0')
    check(number == 7 and repr(history) == repr([at((10, 20), 'i'), at((30, 40), 'c', -1, 'o', 0, 0)]), repr(history))


if __name__ == '__main__':
    main()
