# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a customer of the service (customer.h) may be told, one thing after another, and whether a history of
things that happened at once can be put in such an order.

A history is a list of operations, each with the time when it was asked and the time when it was answered. It is
good when each operation can be given an instant between the two so that all answers are what the model below
says in that order (linearizability). An operation that a crash took with it may have happened before the crash,
or not at all; what is refused is refused in memory first and durable then, so the crash may also undo a
revocation that nobody was told of.

    state   what holds
    redeemed, current (the newest refresh token), ended (the grant), revoked (access tokens, a bit each)
    ended_here, revoked_here: in the memory of the process that will die
"""

LOST = 'lb'  # answers that say nothing: the connection died; 503

# What must have been answered for a run to show anything, by the letters of customer.c.
NAMES = {'issue': 'it', 'redeem': 'c', 'refresh': 'f', 'revoke': 'vz', 'introspect': 'qm'}


class Violation(Exception):
    def __init__(self, history, message):
        super().__init__(message)
        self.history = history


class Operation:
    __slots__ = ('verb', 'token', 'begun', 'ended', 'outcome', 'access', 'refresh')

    def __init__(self, verb, token, begun, ended, outcome, access=-1, refresh=-1):
        self.verb = verb
        self.token = token
        self.begun = begun
        self.ended = ended
        self.outcome = outcome
        self.access = access
        self.refresh = refresh

    def __repr__(self):
        return '%s %d [%d %d] %s %d %d' % tuple(getattr(self, name) for name in self.__slots__)


class Tally:
    """Of each verb: how often it was asked, answered with something, and answered with 503."""

    def __init__(self):
        self.counts = {}

    def add(self, verb, asked, said, busy):
        before = self.counts.get(verb, (0, 0, 0))
        self.counts[verb] = tuple(map(sum, zip(before, (asked, said, busy))))

    def count(self, operation):
        if operation.verb != 'k':
            self.add(operation.verb, 1, operation.outcome not in LOST, operation.outcome == 'b')

    def join(self, other):
        for verb, counts in other.counts.items():
            self.add(verb, *counts)

    def busy(self):
        return sum(busy for _, _, busy in self.counts.values())

    def of(self, verbs):
        return [sum(column) for column in zip((0, 0, 0), *(self.counts.get(verb, (0, 0, 0)) for verb in verbs))]

    def unheard(self, least, share):
        """What was not answered with something @least times, and each verb not in this @share of what was asked."""
        few = ['%s was answered %d times' % (name, self.of(verbs)[1]) for name, verbs in NAMES.items() if self.of(verbs)[1] < max(least, 1)]
        return few + ['%s was answered %d times of %d' % (verb, said, asked)
                      for verb, (asked, said, _) in self.counts.items() if said < share * asked]

    def __str__(self):
        figures = ', '.join('%s %d of %d' % (name, *reversed(self.of(verbs)[:2])) for name, verbs in NAMES.items())
        return 'answered: %s; %d with 503' % (figures, self.busy())


def parse(line):
    """(number, history) of a line of clients."""
    number, *words = line.split()
    history = []
    for word in words:
        verb, token, begun, ended, outcome, access, refresh = word.split(',')
        history.append(Operation(verb, int(token), int(begun), int(ended), outcome, int(access), int(refresh)))
    return int(number), history


# redeemed, current, ended, revoked, ended_here, revoked_here
BEGINNING = (False, 0, False, 0, False, 0)


def end(state, lost):
    """The grant ends; one that nobody was told of perhaps in memory only."""
    redeemed, current, ended, revoked, ended_here, revoked_here = state
    ways = [(redeemed, current, True, revoked, ended_here, revoked_here)]
    if lost:
        ways.append((redeemed, current, ended, revoked, True, revoked_here))
    return ways


def is_over(state):
    return state[2] or state[4]


# One function a verb: the states that may follow, empty when the answer cannot be explained. Redeeming and
# refreshing have two steps: what is stored, and then, if the grant has not ended meanwhile, the new token.
# They return pairs (state, whether the second step is to come).

def redeem(state, operation, lost):
    redeemed, current, ended, revoked, ended_here, revoked_here = state
    if not redeemed:
        return [((True, current, ended, revoked, ended_here, revoked_here), True)]
    if operation.outcome == 'n' or lost:
        return [(way, False) for way in end(state, lost)]
    return []


def refresh(state, operation, lost):
    redeemed, current, ended, revoked, ended_here, revoked_here = state
    refused = operation.outcome == 'n' or lost
    if not redeemed:
        return []
    if is_over(state):
        return [(state, False)] if refused else []
    if operation.token == current:
        return [((redeemed, current + 1, ended, revoked, ended_here, revoked_here), True)]
    if operation.token == current - 1:
        return [(state, True)]
    return [(way, False) for way in end(state, lost)] if refused else []


def mint(state, operation, lost):
    """The second step."""
    if lost:
        return [state]
    if operation.outcome == 'n':
        return [state] if is_over(state) else []
    if is_over(state):
        return []
    expected = 0 if operation.verb == 'c' else operation.token + 1
    return [state] if operation.refresh == expected else []


def revoke_access(state, operation, lost):
    redeemed, current, ended, revoked, ended_here, revoked_here = state
    bit = 1 << operation.token
    ways = [(redeemed, current, ended, revoked | bit, ended_here, revoked_here)]
    if lost:
        ways.append((redeemed, current, ended, revoked, ended_here, revoked_here | bit))
    return ways


def ask_access(state, operation):
    active = not is_over(state) and not (state[3] | state[5]) >> operation.token & 1
    return active == (operation.outcome == '1')


def ask_refresh(state, operation):
    """A rotated one counts while its successor was not used."""
    if state[4] and not state[2]:
        return True  # the store is asked, and may not know yet
    active = not state[2] and state[1] - 1 <= operation.token <= state[1]
    return active == (operation.outcome == '1')


def kill(state):
    return (*state[:4], False, 0)


def follow(state, operation, second):
    """[(state, whether a second step follows)]"""
    lost = operation.outcome in LOST
    verb = operation.verb
    if second:
        return [(way, False) for way in mint(state, operation, lost)]
    if verb == 'c':
        return redeem(state, operation, lost)
    if verb == 'f':
        return refresh(state, operation, lost)
    if verb == 'v':
        ways = revoke_access(state, operation, lost)
    elif verb == 'z':
        ways = end(state, lost)
    elif verb == 'k':
        ways = [kill(state)]
    elif lost:
        ways = [state]
    elif verb == 'q':
        ways = [state] if ask_access(state, operation) else []
    elif verb == 'm':
        ways = [state] if ask_refresh(state, operation) else []
    elif verb in 'wx':
        ways = [state] if operation.outcome == 'n' else []
    else:  # i, t
        ways = [state] if operation.outcome == 'o' else []
    return [(way, False) for way in ways]


def check_numbers(history):
    """A token is given once: whatever order there is."""
    given = set()
    for operation in history:
        if operation.outcome == 'o' and operation.access >= 0:
            if operation.access in given:
                raise Violation(history, 'access token %d was given twice' % operation.access)
            given.add(operation.access)


class Search:
    """Looks for one order; all operations by the time they were asked. A position is (set of what has been put,
    set of what is between its steps, state); the same one is not looked at twice."""

    def __init__(self, history):
        self.history = sorted(history, key=lambda operation: operation.begun)
        # What was lost may be left out, so nothing waits for it.
        self.must = [operation.outcome not in LOST for operation in self.history]
        self.ends = [operation.ended for operation in self.history]
        self.all = sum(1 << number for number, must in enumerate(self.must) if must)
        self.seen = set()

    def candidates(self, done):
        """What may come next: asked before any other that is still to come was answered."""
        history, ends, must = self.history, self.ends, self.must
        first_end = None
        latest_put = 0
        found = []
        for number, operation in enumerate(history):
            if first_end is not None and operation.begun > first_end:
                break
            if done >> number & 1:
                latest_put = operation.begun
                continue
            found.append(number)
            if must[number] and (first_end is None or ends[number] < first_end):
                first_end = ends[number]
        # A lost one is too late once something is put that was asked after its end.
        found = [number for number in found if must[number] or ends[number] >= latest_put]
        found.sort(key=lambda number: (not must[number], ends[number]))
        return found

    def steps(self, position):
        done, between, state = position
        for number in self.candidates(done):
            bit = 1 << number
            for way, more in follow(state, self.history[number], bool(between & bit)):
                if more:
                    yield done, between | bit, way
                else:
                    yield done | bit, between & ~bit, way

    def succeeds(self):
        stack = [self.steps((0, 0, BEGINNING))]
        if not self.all:
            return True
        while stack:
            for position in stack[-1]:
                if position in self.seen:
                    continue
                if position[0] & self.all == self.all:
                    return True
                self.seen.add(position)
                stack.append(self.steps(position))
                break
            else:
                stack.pop()
        return False


def check(history):
    """Raises Violation when no order explains what was answered."""
    for operation in history:
        if operation.outcome == 'e':
            raise Violation(history, 'an answer that is none: %r' % operation)
    check_numbers(history)
    if not Search(history).succeeds():
        raise Violation(history, 'no order of these explains their answers')
