# SPDX-License-Identifier: LGPL-2.1-or-later
"""A person at the pages of a service that is killed now and then: signs in, allows a client, signs out, and
looks at what became of earlier visits, which must be what was confirmed last."""

import http.client
import random
import threading
import time

import workload
from tap import check, equal
from tessera_fixture import parameters_of


class Again(Exception):
    """The service ended, or was about to: what was under way is unknown."""


class Lives:
    """Of the service. Counted before a process is told to end, and when it is gone: with an even number, the same
    at the end as at the beginning of something, nothing excuses an answer that is none."""

    def __init__(self):
        self.number = 0

    def count(self):
        self.number += 1

    def excuse(self, since):
        return since % 2 == 1 or self.number != since


class Visit:
    """A browser that was signed in, and what its session gave."""

    def __init__(self, browser, tokens):
        self.browser = browser
        self.tokens = tokens
        self.state = 'in'  # 'in', 'out', or 'leaving' when nobody knows
        self.settled = None  # the life in which that was confirmed


class Visitor(threading.Thread):
    FIGURES = ('begun', 'left', 'looked', 'remembered')

    def __init__(self, service, lives, seed):
        super().__init__()
        self.service = service
        self.lives = lives
        self.random = random.Random(seed)
        self.visits = []
        self.begun = self.left = self.looked = 0
        self.remembered = 0  # looks at what an earlier process had confirmed
        self.steps = 0  # all that came to an end
        self.findings = []
        self.stopping = False

    def run(self):
        while not self.stopping and not self.findings:
            self.try_to(self.step)

    def try_to(self, function, *arguments):
        """What is not as it should be is reported in the end, not here."""
        life = self.lives.number
        try:
            function(*arguments)
            self.steps += 1
        except AssertionError as error:
            self.findings.append(str(error))
        except ConnectionRefusedError:  # it has not started yet
            time.sleep(0.002)
        except (Again, OSError, http.client.HTTPException, AttributeError) as error:  # the last: closed under its reader
            if not self.lives.excuse(life):
                self.findings.append('of a service that lives: %r' % error)
            time.sleep(0.002)
        except Exception as error:  # whatever it is, it must not go unnoticed
            self.findings.append(repr(error))

    def take_leave(self):
        """Of a service that lives: one visit more of each kind, to be looked at after the last kill."""
        self.try_to(self.sign_in)
        self.try_to(self.sign_in)
        if len(self.visits) > 1:
            self.try_to(self.sign_out, self.visits[-1])

    def look_back(self):
        for visit in self.visits[-200:]:
            self.try_to(self.look, visit)

    def step(self):
        chance = self.random.random()
        if chance < 0.3 or not self.visits:
            self.sign_in()
        elif chance < 0.45:
            self.sign_out(self.random.choice(self.visits))
        else:
            self.look(self.random.choice(self.visits[-12:]))

    @staticmethod
    def there(answer):
        if answer.status == 503:
            raise Again(repr(answer))
        return answer

    def settle(self, visit, state):
        visit.state = state
        visit.settled = self.lives.number

    def sign_in(self):
        s = self.service
        name = self.random.choice(list(s.users))
        browser = s.new_browser()
        verifier = workload.new_verifier()
        url = s.authorization_url(s.visit, code_challenge=workload.challenge_of(verifier), prompt='consent')
        last = self.there(browser.authorize(url, name, s.users[name]))
        if last.status != 303:  # a page was of a process that died
            raise Again(repr(last))
        code = parameters_of(last.location)['code']
        answer = self.there(s.redeem(s.visit, code, verifier))
        equal(answer.status, 200, 'a code that was given: %r' % answer.body)
        visit = Visit(browser, answer.json())
        self.settle(visit, 'in')
        self.visits.append(visit)
        self.begun += 1

    def sign_out(self, visit):
        if visit.state != 'in':
            return
        browser = visit.browser.copy()
        page = self.there(browser.get('/logout'))
        forms = [form for form in page.page.forms if form.method == 'post']
        check(forms, 'a session was forgotten: %r' % page)
        visit.state = 'leaving'
        answer = self.there(browser.submit_only(page, forms[0]))
        if answer.status == 403:  # the page was of a process that died: nothing was done
            visit.state = 'in'
            raise Again(repr(answer))
        equal(answer.status, 303, 'signing out')
        self.settle(visit, 'out')
        self.left += 1

    def look(self, visit):
        s = self.service
        last = self.there(visit.browser.copy().get(s.authorization_url(s.visit, prompt='none')))
        equal(last.status, 303, repr(last))
        inside = 'code=' in last.location
        answer = self.there(s.introspect(visit.tokens['access_token'], s.visit))
        active = answer.json()['active']
        if visit.state == 'in':
            check(inside and active, 'a visit was forgotten: session %s, token %s' % (inside, active))
        elif visit.state == 'out':
            check(not inside and not active, 'signed out and in again: session %s, token %s' % (inside, active))
        else:
            equal(inside, active, 'half signed out')
        self.looked += 1
        self.remembered += visit.state != 'leaving' and visit.settled < self.lives.number
