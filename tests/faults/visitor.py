# SPDX-License-Identifier: LGPL-2.1-or-later
"""Persons at the pages of a service that is killed now and then: they sign in, allow a client, sign out, take back
at their own page what they allowed, and look at what became of earlier visits, which must be what was confirmed
last."""

import http.client
import random
import threading
import time

import workload
from tap import check, equal, one_of
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


class Person:
    """Who signs in, and whether the client may do what it asks for."""

    def __init__(self, name):
        self.name = name
        self.consent = 'none'  # 'given', 'taken' back, or 'unknown'


class Visit:
    """A browser that was signed in, and what its session gave."""

    def __init__(self, person, browser, tokens, life):
        self.person = person
        self.browser = browser
        self.tokens = tokens
        self.session = 'in'  # 'in', 'out', or 'unknown'
        self.grant = 'good'  # 'good', 'ended', or 'unknown'
        self.settled = life  # in which this was confirmed
        self.doubt = None  # what nobody knows of: 'signing out' or 'taking back'

    def __repr__(self):
        return 'session %s, grant %s, consent %s, in life %d' % (self.session, self.grant, self.person.consent, self.settled)

    def will_lose(self, doubt):
        """Its tokens, perhaps."""
        self.doubt = doubt if self.grant == 'good' else None
        if self.grant == 'good':
            self.grant = 'unknown'


class Visitor(threading.Thread):
    FIGURES = ('begun', 'left', 'withdrawn', 'looked', 'kept', 'gone', 'refused')

    def __init__(self, service, lives, names, seed):
        super().__init__()
        self.people = [Person(name) for name in names]
        self.service = service
        self.lives = lives
        self.random = random.Random(seed)
        self.visits = []
        self.begun = self.left = self.withdrawn = self.looked = 0
        # Looks at what an earlier process had confirmed: a visit, its end, a consent that was taken back.
        self.kept = self.gone = self.refused = 0
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
        first, last = self.people[0], self.people[-1]
        self.try_to(self.sign_in, last)
        self.try_to(lambda: self.withdraw(self.visits[-1]))
        self.try_to(self.sign_in, first)
        self.try_to(self.sign_in, first)
        self.try_to(lambda: self.sign_out(self.visits[-1]))

    def look_back(self):
        for visit in self.visits[-200:]:
            self.try_to(self.look, visit)

    def step(self):
        chance = self.random.random()
        if chance < 0.3 or not self.visits:
            self.sign_in(self.random.choice(self.people))
        elif chance < 0.45:
            self.sign_out(self.random.choice(self.visits))
        elif chance < 0.55:
            self.withdraw(self.random.choice(self.visits[-12:]))
        else:
            self.look(self.random.choice(self.visits[-12:]))

    @staticmethod
    def there(answer):
        if answer.status == 503:
            raise Again(repr(answer))
        return answer

    def sign_in(self, person):
        s = self.service
        browser = s.new_browser()
        verifier = workload.new_verifier()
        url = s.authorization_url(s.visit, code_challenge=workload.challenge_of(verifier), prompt='consent')
        if person.consent != 'given':
            person.consent = 'unknown'
        for visit in self.visits_of(person):
            visit.doubt = None if visit.doubt == 'taking back' else visit.doubt
        last = self.there(browser.authorize(url, person.name, s.users[person.name]))
        if last.status != 303:  # a page was of a process that died
            raise Again(repr(last))
        code = parameters_of(last.location)['code']
        person.consent = 'given'
        answer = self.there(s.redeem(s.visit, code, verifier))
        equal(answer.status, 200, 'a code that was given: %r' % answer.body)
        self.visits.append(Visit(person, browser, answer.json(), self.lives.number))
        self.begun += 1

    def visits_of(self, person):
        return [visit for visit in self.visits if visit.person is person]

    def sign_out(self, visit):
        if visit.session != 'in':
            return
        browser = visit.browser.copy()
        page = self.there(browser.get('/logout'))
        forms = [form for form in page.page.forms if form.method == 'post']
        check(forms, 'a session was forgotten: %r' % page)
        before = visit.grant, visit.doubt
        visit.session = 'unknown'
        visit.will_lose('signing out')
        answer = self.there(browser.submit_only(page, forms[0]))
        if answer.status == 403:  # the page was of a process that died: nothing was done
            visit.session = 'in'
            visit.grant, visit.doubt = before
            raise Again(repr(answer))
        equal(answer.status, 303, 'signing out')
        visit.session, visit.grant, visit.settled = 'out', 'ended', self.lives.number
        self.left += 1

    def withdraw(self, visit):
        """At the person's own page: what the client has, in whatever session, is over."""
        if visit.session != 'in':
            return
        person = visit.person
        browser = visit.browser.copy()
        page = self.there(browser.get('/account'))
        equal(page.status, 200, 'a session was forgotten: %r' % page)
        form = next((form for form in page.page.forms if ('target', self.service.visit.id) in form.values()), None)
        if form is None:
            check(person.consent != 'given', 'a consent was forgotten: %r' % page)
            return
        check(person.consent != 'taken', 'a consent rose: %r' % page)
        asked = self.there(browser.submit_only(page, form))
        if asked.status == 403:
            raise Again(repr(asked))
        form = asked.page.form_with('confirm')
        check(form, 'no question: %r' % asked)
        self.confirm(person, browser, asked, form)

    def confirm(self, person, browser, asked, form):
        visits = self.visits_of(person)
        before = person.consent
        grants = [(visit.grant, visit.doubt) for visit in visits]
        person.consent = 'unknown'
        for visit in visits:
            visit.will_lose('taking back')
        answer = self.there(browser.submit_only(asked, form, confirm='yes'))
        if answer.status == 403:
            person.consent = before
            for visit, grant in zip(visits, grants):
                visit.grant, visit.doubt = grant
            raise Again(repr(answer))
        equal(answer.status, 303, 'taking back: %r' % answer)
        check('done=remove' in answer.location, 'taken back, and not said: %s' % answer.location)
        person.consent = 'taken'
        for visit in visits:
            visit.grant, visit.settled = 'ended', self.lives.number
        self.withdrawn += 1

    def look(self, visit):
        s = self.service
        last = self.there(visit.browser.copy().get(s.authorization_url(s.visit, prompt='none')))
        equal(last.status, 303, repr(last))
        answer = parameters_of(last.location).get('error')
        one_of(answer, (None, 'login_required', 'consent_required'), last.location)
        told = self.there(s.introspect(visit.tokens['access_token'], s.visit))
        active = told.json()['active']
        self.compare(visit, answer, active)
        if visit.grant == 'ended':
            equal(self.there(s.refresh(visit.tokens['refresh_token'], s.visit)).status, 400, 'refreshed in the end')
        self.looked += 1
        if visit.settled < self.lives.number:
            self.kept += visit.session == 'in' and visit.grant == 'good'
            self.gone += visit.session == 'out'
            self.refused += visit.person.consent == 'taken' and answer == 'consent_required'

    def compare(self, visit, answer, active):
        """With what was confirmed."""
        inside, allowed = answer != 'login_required', answer is None
        seen = 'signed in %s, answer %s, token active %s; confirmed: %r' % (inside, answer, active, visit)
        if visit.session != 'unknown':
            equal(inside, visit.session == 'in', seen)
        if visit.grant != 'unknown':
            equal(active, visit.grant == 'good', seen)
        if inside and visit.person.consent in ('given', 'taken'):
            equal(allowed, visit.person.consent == 'given', seen)
        if visit.doubt == 'signing out' and visit.session == 'unknown':
            equal(active, inside, 'half signed out: ' + seen)
        if visit.doubt == 'taking back' and visit.grant == 'unknown' and inside:
            equal(active, allowed, 'half taken back: ' + seen)
