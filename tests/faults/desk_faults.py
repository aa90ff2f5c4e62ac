#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""As io_faults.py, for what is not everyday work: clients that register and manage themselves (RFC 7591, 7592) or
sign (RFC 7523), what people do at their own page, and what an administrator does with the command.

A yes is 2xx, or exit 0; a no is 503, or exit 1 and one line that says so. Where the service ends before it has told
the command, exit 5 says that nobody knows.

usage: desk_faults.py [--all] [NAME…]

--all fails each in all the ways there are; without it, in two of the five."""

import itertools
import json
import os
import subprocess

import fault_rig
import tap
from cryptography.hazmat.primitives.asymmetric import ec
from key_client import KeyClient, introduce, jwk_of
from registrar import ENABLED, WEB, Registered, register, send
from tap import check, contains, equal, one_of
from tessera_fixture import COMPLAINTS, R1, Client, Service, challenge_of, claims_of, header_of, new_verifier, parameters_of
from trial import DISEASES, THOROUGH, Trial, fail_at_each, yes_or_503

KEY = ec.generate_private_key(ec.SECP256R1())
numbers = itertools.count(1)


def password_of(name):
    return name + '-canary-Pw'


class Desk(Service):
    def __init__(self):
        both = dict(scope='a', resources=R1 + ';', audience=R1 + ';')
        super().__init__(endpoints=ENABLED, sections='[registration]\nrate=100000\n', clients=[
            Client('c1', redirect_uri='https://c1.test/cb', grant_types='authorization_code;refresh_token;client_credentials;', **both),
            Client('rsall', scope='a', grant_types='client_credentials;', introspect='*;'),
            KeyClient('signs', [jwk_of(KEY)], KEY, grant_types='client_credentials;', **both),
        ])
        introduce(self)

    def before_test(self):
        self.files.heal()
        super().before_test()

    def start_again(self, wait=True):
        before = len(self.log)
        super().start_again(wait)
        if wait:
            tap.until(lambda: b'controlled at ' in self.log[before:], 'the socket')
        return self

    # The command

    def run(self, *words, said=''):
        """(exit status, standard output, standard error)"""
        environment = dict(self.environment(), TESSERA_SOCKET=os.path.join(self.runtime, 'bus'))
        environment.pop('TESSERA_TEST_FILES')
        done = subprocess.run([os.environ['TESSERA'], *words], env=environment, input=said.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60)
        check(not COMPLAINTS.search(done.stderr), done.stderr)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def say(self, *words, **options):
        """Standard output of what must succeed."""
        status, out, err = self.run(*words, **options)
        equal(status, 0, '%r: %s' % (words, err))
        return out

    def json(self, *words, **options):
        return json.loads(self.say(*words, '--json', **options))

    def orders(self, *words, **options):
        """True: done; False: it was said that it is not; None: the service went before it said anything."""
        status, out, err = self.run(*words, **options)
        if status != 0:
            equal((out, len(err.splitlines())), ('', 1), err)
            check((status, 'cannot' in err) == (1, True) or (status, 'The connection is closed' in err) == (5, True), (status, err))
        if status == 5:
            tap.until(lambda: self.process.poll() is not None, 'the end of the service')
        return None if status == 5 else status == 0

    # What there is to work on

    def person(self):
        """Somebody new whom the store keeps: a name."""
        name = 'guest%d' % next(numbers)
        self.say('user', 'add', name, said=password_of(name) + '\n')
        return name

    def visit(self, name):
        """(a browser in which @name is signed in, the tokens of c1 there)"""
        browser, verifier = self.new_browser(), new_verifier()
        last = browser.authorize(self.authorization_url(code_challenge=challenge_of(verifier)), name, password_of(name))
        return browser, self.redeem(self.c1, parameters_of(last.location)['code'], verifier).json()

    def knows(self, browser):
        return 'login_required' not in browser.copy().get(self.authorization_url(prompt='none')).location

    def takes(self, name, password):
        browser = self.new_browser()
        return browser.login(browser.open(self.authorization_url()), name, password).page.form_with('password') is None

    def client(self):
        """One that was added: (id, how it says who it is)."""
        added = self.json('client', 'add', '--name', 'Guest %d' % next(numbers), '--grant-type', 'client_credentials', '--scope', 'a')
        return Client(added['client_id'], secret=added['client_secret'])

    def entry(self, kind, name, value):
        return next((entry for entry in self.json(kind, 'list') if entry[name] == value), None)

    def active_keys(self):
        return {key['kid'] for key in self.json('key', 'list') if key['state'] == 'active'}


def created_or_503(answer):
    return yes_or_503(answer) if answer.status == 503 else one_of(answer.status, (200, 201, 204), repr(answer)) or True


# Clients that register themselves.

def register_a_client(s):
    """By a token that is good once: a no does not use it up."""
    token = s.json('initial-token', 'create', '--uses', '1')['token']
    got = []

    def act():
        answer = register(s, token=token)
        if not created_or_503(answer):
            return False
        got.append(Registered(answer))
        return True

    return Trial(act, lambda: got[-1].read(s).status == 200 and register(s, token=token).status == 401)


def registered(s):
    return Registered(register(s, token=s.json('initial-token', 'create')['token']))


def replace_a_registration(s):
    client = registered(s)
    first = client.token
    body = dict(WEB, client_id=client.id, client_name='Renamed')
    got = []

    def act():
        answer = send(s, 'PUT', client.path(s), body, first)
        if not created_or_503(answer):
            return False
        got.append(answer.json()['registration_access_token'])
        return True

    def is_in_force():
        return client.read(s, token=got[-1]).json()['client_name'] == 'Renamed' and client.read(s, token=first).status == 401

    return Trial(act, is_in_force)


def remove_a_registration(s):
    client = registered(s)
    return Trial(lambda: created_or_503(client.remove(s)), lambda: client.read(s).status == 401)


def use_an_assertion(s):
    fields = []
    s.signs.authenticate(fields, {})
    fields += [('grant_type', 'client_credentials'), ('scope', 'a')]
    return Trial(lambda: yes_or_503(s.form('/token', fields)), lambda: s.form('/token', fields).status == 401)


# At a person's own page.

def form_of(page, act, target=None):
    return next((form for form in page.page.forms if ('act', act) in form.values() and (target is None or ('target', target) in form.values())), None)


def end_a_session(s):
    name = s.person()
    browser, _ = s.visit(name)
    other, tokens = s.visit(name)
    sid = claims_of(tokens['access_token'])['sid']

    def act():
        """Whoever comes again finds nothing to end, if it was done all the same."""
        page = browser.get('/account')
        while yes_or_503(page):
            form = None if page.status == 303 else form_of(page, 'end', sid)
            if form is None:
                return True
            page = browser.submit_only(page, form, **({'confirm': 'yes'} if form.has('confirm') else {}))
        return False

    return Trial(act, lambda: not s.knows(other) and not s.is_active(tokens['access_token']) and s.knows(browser))


def change_a_password(s):
    name = s.person()
    browser, tokens = s.visit(name)
    old, new = password_of(name), name + '-another-Pw'

    def act():
        page = browser.get('/account')
        if not yes_or_503(page):
            return False
        form = form_of(page, 'password')
        check(form is not None, 'signed out by what was refused')
        return yes_or_503(browser.submit_only(page, form, **{'current-password': old, 'new-password': new, 'repeated-password': new}))

    return Trial(act, lambda: s.takes(name, new) and not s.takes(name, old) and not s.is_active(tokens['access_token']))


# With the command.

def add_a_user(s):
    name = 'guest%d' % next(numbers)
    return Trial(lambda: s.orders('user', 'add', name, said=password_of(name) + '\n'), lambda: s.takes(name, password_of(name)))


def disable_a_user(s):
    name = s.person()
    _, tokens = s.visit(name)
    return Trial(lambda: s.orders('user', 'disable', name, '--yes'),
                 lambda: s.entry('user', 'username', name)['disabled'] and not s.is_active(tokens['access_token']))


def add_a_client(s):
    name = 'Guest %d' % next(numbers)
    words = ('client', 'add', '--name', name, '--redirect-uri', 'https://guest.test/cb')
    return Trial(lambda: s.orders(*words), lambda: s.entry('client', 'client_name', name) is not None)


def disable_a_client(s):
    client = s.client()
    token = s.machine_token(client)
    return Trial(lambda: s.orders('client', 'disable', client.id, '--yes'),
                 lambda: not s.is_active(token) and s.client_credentials(client).status == 401)


def revoke_an_initial_token(s):
    made = s.json('initial-token', 'create')
    return Trial(lambda: s.orders('initial-token', 'revoke', made['id'], '--yes'),
                 lambda: register(s, token=made['token']).status == 401)


def rotate_the_keys(s):
    before = s.active_keys()
    return Trial(lambda: s.orders('key', 'rotate', '--now', '--yes'), lambda: not before & s.active_keys(), ends=False)


def revoke_a_key(s):
    token = s.machine_token()
    kid = header_of(token)['kid']

    def is_in_force():
        return not s.is_active(token) and s.entry('key', 'kid', kid)['state'] == 'revoked'

    def again():
        """Nothing is left to do if it was done all the same."""
        return is_in_force() or s.orders('key', 'revoke', kid, '--yes')

    return Trial(lambda: s.orders('key', 'revoke', kid, '--yes'), is_in_force, again, ends=False)


def import_a_client_and_a_user(s):
    """All of it, or nothing."""
    name, client, path = s.person(), s.client(), os.path.join(s.directory, 'export-%d' % next(numbers))
    s.say('export', path)
    s.say('user', 'remove', name, '--yes')
    s.say('client', 'remove', client.id, '--yes')
    with open(path, encoding='utf-8') as file:
        lines = [line for line in file if name in line or client.id in line or len(line) < 80]
    with open(path, 'w', encoding='utf-8') as file:
        file.writelines(lines)

    def what_came():
        return s.entry('user', 'username', name) is not None, s.entry('client', 'client_id', client.id) is not None

    def again():
        equal(what_came(), (False, False), 'refused, and some of it came')
        return s.orders('import', path)

    return Trial(lambda: s.orders('import', path), lambda: what_came() == (True, True), again)


for one in (register_a_client, replace_a_registration, remove_a_registration, use_an_assertion, end_a_session, change_a_password,
            add_a_user, disable_a_user, add_a_client, disable_a_client, revoke_an_initial_token, rotate_the_keys, revoke_a_key,
            import_a_client_and_a_user):
    for name in DISEASES:
        if THOROUGH or name in ('EIO in the middle of a write', 'EIO at a sync'):
            fail_at_each(one, name)

if __name__ == '__main__':
    fault_rig.parse_arguments()
    tap.main(Desk)
