#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a 200 has promised survives SIGKILL, restarts, a full disk and an old copy of the database."""

import os
import shutil
import subprocess
import threading
import time

import rfc_path  # noqa: F401
import stopping
from tap import check, contains, equal, lacks, main, one_of, test
from tessera_fixture import Service, expect_error


def again(s):
    s.kill()
    s.start_again()


@test('E01 a revoked access token stays revoked through SIGKILL and restarts')
def _(s):
    dead, alive = s.machine_token(), s.machine_token()
    equal(s.revoke(dead).status, 200)
    again(s)
    check(not s.is_active(dead), 'risen after SIGKILL')
    check(s.is_active(alive), 'another token died')
    s.restart()
    check(not s.is_active(dead), 'risen after a restart')
    check(s.is_active(alive), 'another token died')


@test('E02 a revoked grant stays ended through SIGKILL')
def _(s):
    dead, alive = s.tokens(), s.tokens()
    equal(s.revoke(dead['refresh_token']).status, 200)
    again(s)
    check(not s.is_active(dead['access_token']), 'the access token rose')
    expect_error(s.refresh(dead['refresh_token']), 'invalid_grant')
    equal(s.refresh(alive['refresh_token']).status, 200)
    check(s.is_active(alive['access_token']), 'another grant died')


@test('B05 a redeemed code stays redeemed through SIGKILL, and its replay ends the grant')
def _(s):
    code, verifier = s.code()
    tokens = s.redeem(s.c1, code, verifier).json()
    again(s)
    check(s.is_active(tokens['access_token']), 'the token died')
    expect_error(s.redeem(s.c1, code, verifier), 'invalid_grant')
    check(not s.is_active(tokens['access_token']), 'the token lives on after the replay')
    again(s)
    check(not s.is_active(tokens['access_token']), 'risen')
    expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')


@test('B05 a code that was given survives SIGKILL')
def _(s):
    code, verifier = s.code()
    again(s)
    equal(s.redeem(s.c1, code, verifier).status, 200)


@test('B25 a rotation stays made through SIGKILL')
def _(s):
    first = s.tokens()
    second = s.refresh(first['refresh_token']).json()
    again(s)
    inside = s.refresh(first['refresh_token'])
    equal(inside.json().get('refresh_token'), second['refresh_token'], 'the same successor after a restart')
    third = s.refresh(second['refresh_token']).json()
    again(s)
    s.advance(40)
    expect_error(s.refresh(first['refresh_token']), 'invalid_grant')
    check(not s.is_active(third['access_token']), 'reuse was forgotten')


@test('A20 a session survives SIGKILL, a logout too')
def _(s):
    s.approve()
    again(s)
    browser = s.browser()
    equal(browser.get(s.authorization_url(prompt='none')).status, 303)
    check('code=' in browser.get(s.authorization_url(prompt='none')).location, 'the session is gone')
    kept = browser.copy()
    page = browser.get('/logout')
    browser.submit(page, [form for form in page.page.forms if form.method == 'post'][0])
    again(s)
    contains(kept.get(s.authorization_url(prompt='none')).location, 'login_required')
    s.forget_browsers()


@test('E01 SIGKILL at any moment: whatever was told is in force')
def _(s):
    for cycle in range(6):
        tokens = [s.machine_token() for _ in range(30)]
        told = []

        def work():
            for token in tokens:
                try:
                    answer = s.revoke(token)
                except (OSError, Exception):  # the service was killed under it
                    return
                if answer.status == 200:
                    told.append(token)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.005 * (cycle + 1))
        s.process.kill()
        thread.join()
        s._collect()
        s.start_again()
        for token in told:
            check(not s.is_active(token), 'cycle %d: a token rose of %d told' % (cycle, len(told)))


@test('E07 a store that cannot write: 503 and never 200, then all is well again')
def _(s):
    token, tokens = s.machine_token(), s.tokens()
    code, verifier = s.code()
    s.limit_file_size(0)
    try:
        answers = [s.revoke(token), s.revoke(tokens['refresh_token']), s.redeem(s.c1, code, verifier), s.refresh(tokens['refresh_token'])]
        for answer in answers:
            equal(answer.status, 503, repr(answer))
            check(int(answer.header('Retry-After')) > 0, 'Retry-After')
            lacks(answer.body, b'access_token')
            one_of(answer.json()['error'], ('temporarily_unavailable', 'server_error'))
    finally:
        s.limit_file_size(None)
    if s.process.poll() is not None:
        s._collect()
        s.start_again()
    answer = s.revoke(token)
    if answer.status == 503:  # a store that saw a failed sync may ask for a restart
        again(s)
        answer = s.revoke(token)
    equal(answer.status, 200)
    check(not s.is_active(token), 'the revocation after the failure has no effect')
    check(s.is_active(tokens['access_token']), 'the revocation that failed had an effect that nobody was told of')
    equal(s.redeem(s.c1, code, verifier).status, 200, 'the code was used up by the failure')
    equal(s.refresh(tokens['refresh_token']).status, 200)


@test('E07 what needs no write goes on while the store cannot write')
def _(s):
    token = s.machine_token()
    s.limit_file_size(0)
    try:
        equal(s.client_credentials().status, 200)
        check(s.is_active(token), 'introspection')
        equal(s.get('/jwks').status, 200)
    finally:
        s.limit_file_size(None)


@test('E07 a store that cannot write: no login, no code, and a page that says so')
def _(s):
    browser = s.new_browser()
    page = browser.open(s.authorization_url())
    consent = s.browser('bob').open(s.authorization_url(prompt='consent'))
    s.limit_file_size(0)
    try:
        answer = browser.submit_only(page, page.page.form_with('password'), username='alice', password=s.users['alice'])
        equal(answer.status, 503, repr(answer))
        contains(answer.header('Content-Type'), 'text/html')
        lacks(' '.join(answer.all_headers('Set-Cookie')), 'tessera-session')
        answer = s.browser('bob').submit_only(consent, consent.page.form_with('decision'), decision='allow')
        lacks(answer.location or '', 'code=')
        one_of(answer.status, (303, 503), repr(answer))
        if answer.status == 303:
            contains(answer.location, 'error=temporarily_unavailable')
        else:
            check(int(answer.header('Retry-After')) > 0, 'Retry-After')
    finally:
        s.limit_file_size(None)
    if s.revoke('x').status == 503 or s.client_credentials().status == 503 or s.revoke(s.machine_token()).status == 503:
        again(s)
    s.forget_browsers()
    check('code' in s.approve(browser=s.new_browser()), 'no code afterwards')


@test('pages a login page that was open over a restart starts anew')
def _(s):
    browser = s.new_browser()
    page = browser.open(s.authorization_url())
    again(s)
    answer = browser.submit(page, page.page.form_with('password'), username='alice', password=s.users['alice'])
    lacks(answer.location or '', 'code=')
    one_of(answer.status, (200, 400, 403), repr(answer))
    contains(answer.header('Content-Type'), 'text/html')
    check('code' in s.approve(browser=browser), 'the browser is stuck')


@test('E08 a pruned list forgets only what is dead by time')
def _(s):
    old = s.machine_token(s.short)
    new = s.machine_token()
    s.revoke(old, s.short)
    s.revoke(new)
    s.advance(300)
    again(s)
    for _ in range(3):
        s.revoke(s.machine_token())
    check(not s.is_active(new), 'a revoked token rose by pruning')
    check(not s.is_active(old), 'an expired token rose')


@test('durability a clock set back revives nothing')
def _(s):
    expired, revoked = s.machine_token(s.short), s.machine_token()
    s.revoke(revoked)
    s.advance(200)
    check(not s.is_active(expired), 'alive after its time')
    s.revoke(s.machine_token())  # the time gets into the store
    s.advance(-3600)
    check(not s.is_active(expired), 'revived by the clock')
    check(not s.is_active(revoked), 'revoked no more')
    again(s)
    check(not s.is_active(expired), 'revived by clock and restart')
    check(not s.is_active(revoked), 'revoked no more after the restart')
    s.advance(3600)


@test('durability an old copy of the database un-revokes nothing')
def _(s):
    token = s.machine_token()
    tokens = s.tokens()
    equal(s.terminate(), 0)
    kept = os.path.join(s.directory, 'kept')
    shutil.copytree(s.state, kept)
    s.start_again()
    equal(s.revoke(token).status, 200)
    equal(s.revoke(tokens['refresh_token']).status, 200)
    equal(s.terminate(), 0)
    for name in os.listdir(kept):
        if name.startswith('tessera.db'):
            shutil.copy(os.path.join(kept, name), s.state)
    shutil.rmtree(kept)
    before = len(s.log)
    s.start_again()
    check(not s.is_active(token), 'the old database revived the access token')
    check(not s.is_active(tokens['access_token']), 'the old database revived the grant')
    expect_error(s.refresh(tokens['refresh_token']), 'invalid_grant')
    check(len(s.log) > before, 'nothing was said')
    check(s.is_active(s.machine_token()), 'new tokens are dead')
    s.forget_browsers()
    check(s.is_active(s.tokens()['access_token']), 'a new login gives a dead token')


@test('durability a deleted database un-revokes nothing')
def _(s):
    token = s.machine_token()
    equal(s.revoke(token).status, 200)
    equal(s.terminate(), 0)
    for name in os.listdir(s.state):
        if name.startswith('tessera.db'):
            os.unlink(os.path.join(s.state, name))
    s.start_again(wait=False)
    try:
        s.wait_ready()
    except RuntimeError as error:  # refused to start over keys that exist: as good
        contains(str(error), 'exit status 78')
        s._collect()
        shutil.rmtree(s.state)
        s.start_again()
    else:
        check(not s.is_active(token), 'revived')
    s.forget_browsers()
    check(s.is_active(s.machine_token()), 'new tokens are dead')


@test('durability two services on one state: the second leaves, the first goes on')
def _(s):
    token = s.machine_token()
    config = s.config + '.second'
    with open(s.config, encoding='utf-8') as file:
        text = file.read()
    with open(config, 'w', encoding='utf-8') as file:
        file.write(text.replace('address=127.0.0.1:%d' % s.port, 'address=127.0.0.1:0'))
    done = subprocess.run([os.environ['TESSERAD'], '--config', config], env=s.environment(), capture_output=True, text=True, timeout=30)
    check(done.returncode in (1, 78), 'exit status %d: %s' % (done.returncode, done.stderr))
    check(s.is_active(token), 'the first suffered')
    equal(s.revoke(token).status, 200)
    check(not s.is_active(token), 'the first cannot revoke')


@test('durability a damaged database refuses the start')
def _(s):
    token = s.machine_token()
    s.revoke(token)
    equal(s.terminate(), 0)
    path = os.path.join(s.state, 'tessera.db')
    with open(path, 'rb') as file:
        good = file.read()
    with open(path, 'wb') as file:
        file.write(good[:100] + bytes(len(good) - 100))
    s.start_again(wait=False)
    equal(s.process.wait(30), 78)
    s._collect()
    with open(path, 'wb') as file:
        file.write(good)
    s.start_again()
    check(not s.is_active(token), 'revived')


@test('durability a missing or widely readable key refuses the start')
def _(s):
    token = s.machine_token()
    equal(s.terminate(), 0)
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(s.state) for name in names if name.endswith('.pem')]
    check(paths, 'no keys')
    for path in paths[:2]:
        os.chmod(path, 0o644)
        s.start_again(wait=False)
        equal(s.process.wait(30), 78, 'mode 0644')
        s._collect()
        os.chmod(path, 0o600)
        os.rename(path, path + '.away')
        s.start_again(wait=False)
        equal(s.process.wait(30), 78, 'missing')
        s._collect()
        os.rename(path + '.away', path)
    s.start_again()
    check(s.is_active(token), 'the token died')


@test('durability SIGTERM: whoever had sent a request is answered, though nobody had accepted the connection yet')
def _(s):
    stopping.stop_before_accepting(s, s.c1)
    s.start_again()


@test('durability SIGTERM under load: whoever had sent a request is answered')
def _(s):
    stopping.stop_under_load(s, s.c1, 6, 100)
    s.start_again()
    equal(s.client_credentials().status, 200)


if __name__ == '__main__':
    main(Service)
