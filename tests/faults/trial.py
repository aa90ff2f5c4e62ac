# SPDX-License-Identifier: LGPL-2.1-or-later
"""One operation, tried again and again while the first, the second, … of its writes or syncs fails."""

import errno
import re
import sys

import tap
from tap import check, equal, lacks

WRITE, SYNC, NAME = 1, 2, 4
# How a disk fails: what, with which error, and whether half of the data arrives all the same.
DISEASES = {
    'EIO at a write': (WRITE, errno.EIO, False),
    'ENOSPC at a write': (WRITE, errno.ENOSPC, False),
    'EIO in the middle of a write': (WRITE, errno.EIO, True),
    'EIO at a sync': (SYNC, errno.EIO, False),
    'ENOSPC at a sync': (SYNC, errno.ENOSPC, False),
}
THOROUGH = '--all' in sys.argv
SWEEPS = 8
STRIDE = 1 if THOROUGH else 4


class Trial:
    """One operation, prepared: act () answers True (done) or False (refused, as it should be); None: there was no
    answer, and who asked has to look."""

    def __init__(self, act, is_in_force, again=None, ends=True):
        self.act = act
        self.is_in_force = is_in_force
        self.again = again or act
        self.ends = ends  # the service does, when a sync failed; or may, when files are replaced that it does not hold open


def yes_or_503(answer):
    if answer.status in (200, 303):
        return True
    equal(answer.status, 503, repr(answer))
    check(int(answer.header('Retry-After')) > 0, 'Retry-After')
    lacks(answer.body, b'access_token')
    return False


# Failing them.

def sick(s, disease, skip):
    kinds, error, torn = DISEASES[disease]
    s.files.fail(kinds, error, skip=skip, count=1, torn=torn)


def ends_by_itself(s):
    """A sync failed: what the service answers now is of no use to anybody."""
    equal(s._collect(), 1, s.log.decode('utf-8', 'replace')[-2000:])
    s.start_again()


def is_ending(s, since):
    """Of a service that was told something and answered: does it say in its log, behind @since, that it ends?"""
    try:
        s.sync_log()
    except OSError:
        return True
    return re.search(rb'failed for good|cannot go on', bytes(s.log[since:])) is not None


def try_once(s, operation, disease, skip, promised):
    """FALSE: nothing failed any more."""
    s.source = s.new_source()
    trial = operation(s)
    since = len(s.log)
    sick(s, disease, skip)
    done = trial.act()
    failed = s.files.seen() > skip
    s.files.heal()
    if failed and DISEASES[disease][0] == SYNC and (trial.ends or is_ending(s, since)):
        ends_by_itself(s)
    check(s.process.poll() is None, 'the service died')
    check(failed or done, 'refused without a reason')
    if done:
        promised.append(trial.is_in_force)
    elif done is None and trial.is_in_force():
        return failed
    else:
        check(trial.again(), 'not possible afterwards, either')
        check(trial.is_in_force(), 'done, but not in force')
    return failed


def is_still_in_force(s, promised):
    s.kill()
    s.start_again()
    s.source = s.new_source()
    for number, is_in_force in enumerate(promised):
        check(is_in_force(), 'promise %d of %d was not kept' % (number, len(promised)))


def sweep(s, operation, disease, promised):
    """How many faults there were."""
    tries = 0
    while try_once(s, operation, disease, tries, promised):
        tries += 1
        check(tries < 200, 'it never ends')
    check(tries > 0, 'no fault was met')
    return tries


def fail_at_each(operation, disease):
    @tap.test('%s while %s' % (disease, operation.__name__.replace('_', ' ')))
    def _(s):
        promised = []
        tries = sweeps = 0
        # What is written by the way may stand in front one time and behind the next, and take the fault.
        while sweeps == 0 or (tries == len(promised) - sweeps and disease != 'ENOSPC at a write'):
            check(sweeps < SWEEPS, 'it was never refused')
            tries += sweep(s, operation, disease, promised)
            sweeps += 1
        print('# %d faults, %d answered yes all the same' % (tries, len(promised) - sweeps))
        is_still_in_force(s, promised)
