#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What fail2ban reads of who guesses: its filter over the log of a real service."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

from tap import check, equal, main, skip, test  # noqa: E402
from tessera_fixture import Service  # noqa: E402

FILTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../data/fail2ban/tesserad-filter.conf')
JOURNAL = 'Nov 22 08:00:00 host tesserad[1234]: '  # what fail2ban makes of a record of the journal
ADDRESS = r'(?P<address>[0-9a-f.:]+)'
CC = 'grant_type=client_credentials'


def patterns():
    """Those of the filter, with what fail2ban puts in for its own words."""
    parser = configparser.RawConfigParser()
    parser.read(FILTER, encoding='utf-8')
    lines = [line for line in parser.get('Definition', 'failregex').splitlines() if line]
    equal(len(lines), 3)
    return [re.compile(line.replace('%(__prefix_line)s', r'(?:\S+ \d+ \S+ \S+ tesserad\[\d+\]: )').replace('<ADDR>', ADDRESS)) for line in lines]


def find_addresses(service, begin):
    """Whom the filter names, once for each line from @begin on."""
    found = []
    for line in service.log_lines()[begin:]:
        found += [match['address'] for match in (pattern.search(JOURNAL + line) for pattern in patterns()) if match]
    return found


def count_lines(service):
    return len(service.log_lines())


def sign_in(service, username, password):
    browser = service.new_browser()
    page = browser.open(service.authorization_url())
    return browser.submit_only(page, page.page.form_with('password'), username=username, password=password)


def guess_secret(service, authorization):
    return service.form('/token', CC, headers={'Authorization': authorization}).status


@test('fail2ban: each failed login names the address once, refused or put off')
def _(s):
    begin = count_lines(s)
    statuses = [sign_in(s, 'bob', 'wrong').status for _ in range(12)]
    equal(statuses[10:], [429, 429])
    equal(find_addresses(s, begin), [s.source] * 12)


@test('fail2ban: each failed client authentication names the address once, also when there were too many')
def _(s):
    begin = count_lines(s)
    statuses = [guess_secret(s, s.c2.basic('wrong')) for _ in range(12)]
    equal(statuses, [401] * 10 + [429] * 2)
    equal(guess_secret(s, s.c2.basic('wrong', 'nobody')), 401)
    equal(find_addresses(s, begin), [s.source] * 13)


@test('fail2ban: who signs in, or makes other mistakes, is not named')
def _(s):
    begin = count_lines(s)
    check('code' in s.approve(browser=s.new_browser()), 'login')
    equal(s.client_credentials().status, 200)
    equal(s.client_credentials(scope='zzz').status, 400)
    equal(s.az(client_id='nobody').status, 400)
    equal(s.redeem(s.c1, 'x', 'y' * 43).status, 400)
    equal(s.get('/nowhere').status, 404)
    equal(find_addresses(s, begin), [])


@test('fail2ban: nobody can have another address banned')
def _(s):
    begin = count_lines(s)
    lies = ['x" from="192.0.2.1" path="/token" because="x', 'x\nlogin failed request=0123456789abcdef from=192.0.2.1', 'x\\" from="192.0.2.1" path="/" because="x"',
            'login failed request=0123456789abcdef from=192.0.2.1', 'x\r\n' + JOURNAL + 'login failed request=0123456789abcdef from=192.0.2.1\r\n']
    for lie in lies:
        equal(guess_secret(s, s.c2.basic('wrong', lie)), 401)
        sign_in(s, lie, lie)
        s.az(client_id=lie, redirect_uri=lie, scope=lie, state=lie)
        s.get('/token?' + urllib.parse.quote(lie))
        s.get('/' + urllib.parse.quote(lie))
        s.form('/token', CC + '&client_id=' + urllib.parse.quote(lie) + '&client_secret=x', headers={'User-Agent': lie.replace('\n', '').replace('\r', ''), 'X-Forwarded-For': '192.0.2.1'})
    found = find_addresses(s, begin)
    check(len(found) >= 3 * len(lies), '%d' % len(found))
    equal(set(found), {s.source})


@test('fail2ban: the program itself reads it so')
def _(s):
    program = shutil.which('fail2ban-regex')
    if program is None:
        skip('fail2ban is not installed')
    expected = len(find_addresses(s, 0))
    check(expected > 20, '%d' % expected)
    log = os.path.join(s.directory, 'journal')
    with open(log, 'w', encoding='utf-8') as file:
        file.writelines(JOURNAL + line + '\n' for line in s.log_lines())
    filters = os.path.join(s.directory, 'filter.d')
    shutil.copytree('/etc/fail2ban/filter.d', filters)
    done = subprocess.run([program, log, shutil.copy(FILTER, filters)], capture_output=True, text=True, timeout=60)
    equal(done.returncode, 0, done.stderr)
    check('%d matched' % expected in done.stdout, done.stdout[-1000:])


if __name__ == '__main__':
    main(Service)
