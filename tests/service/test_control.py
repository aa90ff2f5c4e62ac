#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command at a running service, through its socket: each sub-command for people and as JSON, exit codes, secrets."""

import concurrent.futures
import json
import os
import re
import signal
import stat
import subprocess
import termios

from gi.repository import Gio, GLib

from desk import COMMAND, Desk, R1
from workshop import ROOT, SECRET, run
import tap
from tap import check, contains, equal, lacks, skip, test, until
from tessera_fixture import claims_of, password_line

PASSWORD = 'canary-Password-1'
FILED = 'canary-Filed-1'


@test('status says who the service is, how it was reached and which key signs')
def _(desk):
    said = desk.say('status')
    contains(said, desk.issuer)
    contains(said, desk.socket)
    status = desk.json('status')
    equal((status['issuer'], status['reached_by'], status['clients'] >= 1), (desk.issuer, desk.socket, True))
    equal({status['signs_with'], status['next_key']}, {key['kid'] for key in desk.json('key', 'list') if key['state'] in ('active', 'next')})


@test('client add: id and secret on a line each, told once; the client is what was said')
def _(desk):
    status, out, err = desk.run('client', 'add', '--name', 'Shop', '--redirect-uri', 'https://shop.test/cb',
                                '--post-logout-redirect-uri', 'https://shop.test/out', '--grant-type',
                                'client_credentials', '--grant-type', 'authorization_code', '--scope', 'a b', '--resource', R1,
                                '--audience', R1, '--access-token-lifetime', '120', '--first-party', '--require-pkce=no')
    equal(status, 0, err)
    client_id, secret = out.splitlines()
    contains(err, 'this once')
    lacks(err, secret)
    shown = desk.json('client', 'show', client_id)
    lacks(json.dumps(shown), secret)
    for name, value in {'client_id': client_id, 'client_name': 'Shop', 'redirect_uris': ['https://shop.test/cb'],
                        'post_logout_redirect_uris': ['https://shop.test/out'], 'scope': 'a b', 'grant_types': ['client_credentials', 'authorization_code'], 'resources': [R1], 'audience': [R1],
                        'access_token_lifetime': 120, 'first_party': True, 'require_pkce': False, 'disabled': False}.items():
        equal(shown.get(name), value, name)
    equal(claims_of(desk.machine_token(client_id, secret, scope='a'))['aud'], R1)
    contains(desk.say('client', 'show', client_id), 'https://shop.test/cb')
    equal([client['client_name'] for client in desk.json('client', 'list') if client['client_id'] == client_id], ['Shop'])
    contains(desk.say('client', 'list'), client_id)


@test('client add --jwks-file: it has its own keys, and nothing secret is made or told')
def _(desk):
    keys = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
    path = desk.write('keys.json', keys)
    added = desk.json('client', 'add', '--name', 'Signer', '--grant-type', 'client_credentials', '--jwks-file', path, '--auth-signing-alg', 'EdDSA')
    equal(sorted(added), ['client_id'])
    shown = desk.json('client', 'show', added['client_id'])
    equal((shown['token_endpoint_auth_method'], shown['token_endpoint_auth_signing_alg']), ('private_key_jwt', 'EdDSA'))
    equal(json.loads(shown['jwks']), json.loads(keys))
    contains(desk.say('client', 'show', added['client_id']), 'private_key_jwt')
    status, _out, err = desk.run('client', 'rotate-secret', added['client_id'])
    equal(status, 1, err)
    status, _out, err = desk.run('client', 'add', '--jwks-file', desk.path('nothing.json'))
    equal(status, 2, err)
    contains(err, 'nothing.json')
    for option in (('--auth-method', 'private_key_jwt'), ('--jwks-file', path, '--auth-signing-alg', 'RS256'), ('--auth-method', 'client_secret_jwt', '--auth-signing-alg', 'ES256')):
        status, _out, err = desk.run('client', 'add', '--grant-type', 'client_credentials', *option)
        equal(status, 1, err)
    # One with a secret may go over to keys: then the secret is none any more.
    client_id, secret = desk.run('client', 'add', '--name', 'Late', '--grant-type', 'client_credentials')[1].splitlines()
    desk.machine_token(client_id, secret)
    equal(desk.run('client', 'update', client_id, '--jwks-file', path)[0], 0)
    equal(desk.json('client', 'show', client_id)['token_endpoint_auth_method'], 'private_key_jwt')


@test('client add --auth-method client_secret_jwt: a secret that is long enough; one with another method cannot come to it')
def _(desk):
    added = desk.json('client', 'add', '--grant-type', 'client_credentials', '--auth-method', 'client_secret_jwt', '--auth-signing-alg', 'HS512')
    check(len(added['client_secret']) >= 64, 'too short for HS512')
    equal(desk.json('client', 'show', added['client_id'])['token_endpoint_auth_signing_alg'], 'HS512')
    again = desk.json('client', 'rotate-secret', added['client_id'])
    check(again['client_secret'] != added['client_secret'], 'the same secret')
    client_id, _secret = desk.run('client', 'add', '--grant-type', 'client_credentials')[1].splitlines()
    status, _out, err = desk.run('client', 'update', client_id, '--auth-method', 'client_secret_jwt')
    equal(status, 1, err)
    contains(err, 'digest')


@test('client add --request-object-alg, --require-request-object: it signs its requests')
def _(desk):
    path = desk.write('keys.json', '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}')
    words = ('client', 'add', '--redirect-uri', 'https://shop.test/cb', '--auth-method', 'client_secret_basic', '--jwks-file', path)
    added = desk.json(*words, '--request-object-alg', 'EdDSA', '--require-request-object')
    shown = desk.json('client', 'show', added['client_id'])
    equal((shown['request_object_signing_alg'], shown['require_signed_request_object'], shown['token_endpoint_auth_method']), ('EdDSA', True, 'client_secret_basic'))
    equal(desk.run('client', 'update', added['client_id'], '--require-request-object=no')[0], 0)
    equal(desk.json('client', 'show', added['client_id']).get('require_signed_request_object', False), False)
    for option in (('--request-object-alg', 'none'), ('--request-object-alg', 'ES256')):
        status, _out, err = desk.run(*words, *option)
        equal(status, 1, err)


@test('client add --json: one document with id and secret; a public client has no secret')
def _(desk):
    added = desk.json('client', 'add', '--name', 'Job', '--grant-type', 'client_credentials')
    equal(sorted(added), ['client_id', 'client_secret'])
    check(desk.machine_token(added['client_id'], added['client_secret']), 'a token')
    client_id, _, _ = desk.add_app()
    equal(desk.json('client', 'show', client_id)['token_endpoint_auth_method'], 'none')
    out = desk.say('client', 'add', '--name', 'Public', '--public', '--redirect-uri', 'https://public.test/cb')
    equal(len(out.splitlines()), 1)


@test('client add --secret-output: a new file for its owner alone; if it is there already, nothing is registered')
def _(desk):
    words = ['client', 'add', '--name', 'Filed', '--grant-type', 'client_credentials', '--secret-output', 'made.secret']
    client_id = desk.say(*words).strip()
    path = desk.path('made.secret')
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
    with open(path, encoding='ascii') as file:
        check(desk.machine_token(client_id, file.read().strip()), 'a token')
    before = len(desk.json('client', 'list'))
    contains(desk.fails(1, *words), 'made.secret')
    equal(len(desk.json('client', 'list')), before)
    desk.fails(1, 'client', 'add', '--name', 'Bad', '--redirect-uri', 'http://evil.test/cb', '--secret-output', 'other.secret')
    check(not os.path.exists(desk.path('other.secret')), 'a file without a secret was left')


@test('client update: what is not named stays, lists are replaced, an empty value empties')
def _(desk):
    client_id = desk.json('client', 'add', '--name', 'Old', '--redirect-uri', 'https://old.test/cb', '--scope', 'a',
                          '--resource', R1, '--access-token-lifetime', '60')['client_id']
    before = desk.json('client', 'show', client_id)
    after = desk.json('client', 'update', client_id, '--name', 'New')
    equal(after, before | {'client_name': 'New'})
    after = desk.json('client', 'update', client_id, '--redirect-uri', 'https://a.test/', '--redirect-uri', 'https://b.test/', '--resource', '')
    equal(after['redirect_uris'], ['https://a.test/', 'https://b.test/'])
    lacks(after, 'resources')
    equal(after['access_token_lifetime'], 60)
    desk.fails(2, 'client', 'update', client_id)
    desk.fails(2, 'client', 'update', client_id, '--first-party=perhaps')
    desk.fails(2, 'client', 'update', client_id, '--access-token-lifetime', '-5')
    desk.fails(3, 'client', 'update', 'nobody', '--name', 'X')


@test('client disable, enable, revoke, remove: tokens are refused, and new ones where they may be')
def _(desk):
    added = desk.json('client', 'add', '--name', 'Job', '--grant-type', 'client_credentials')
    pair = added['client_id'], added['client_secret']
    token = desk.machine_token(*pair)
    equal(desk.json('client', 'disable', pair[0]), {'client_id': pair[0], 'disabled': True})
    equal(desk.is_active(token), False)
    desk.machine_token(*pair, status=401)
    contains(desk.say('client', 'list'), 'disabled')
    contains(desk.say('client', 'enable', pair[0]), 'again')
    token = desk.machine_token(*pair)
    equal(desk.is_active(token), True)
    equal(desk.json('client', 'revoke', pair[0])['revoked'], True)
    equal(desk.is_active(token), False)
    token = desk.machine_token(*pair)
    equal(desk.is_active(token), True)
    contains(desk.say('client', 'remove', pair[0]), 'removed')
    equal(desk.is_active(token), False)
    for words in (['show'], ['enable'], ['disable'], ['remove'], ['rotate-secret']):
        desk.fails(3, 'client', *words, pair[0])


@test('client rotate-secret: the new one alone on a line; the old one stays only if told')
def _(desk):
    added = desk.json('client', 'add', '--name', 'Job', '--grant-type', 'client_credentials')
    client_id, first = added['client_id'], added['client_secret']
    second = desk.say('client', 'rotate-secret', client_id, '--keep-previous').strip()
    check(second and '\n' not in second and second != first, second)
    desk.machine_token(client_id, first)
    desk.machine_token(client_id, second)
    third = desk.json('client', 'rotate-secret', client_id)
    equal(sorted(third), ['client_id', 'client_secret'])
    desk.machine_token(client_id, first, status=401)
    desk.machine_token(client_id, second, status=401)
    desk.machine_token(client_id, third['client_secret'])
    desk.say('client', 'rotate-secret', client_id, '--secret-output', 'rotated.secret')
    with open(desk.path('rotated.secret'), encoding='ascii') as file:
        desk.machine_token(client_id, file.read().strip())


@test('what a file declares: shown with file and group, and only read')
def _(desk):
    place = '%s: [client machine]' % desk.config
    equal([client['origin'] for client in desk.json('client', 'list') if client['client_id'] == 'machine'], [place])
    contains(desk.say('client', 'list'), place)
    for words in (['update', 'machine', '--name', 'X'], ['disable', 'machine'], ['rotate-secret', 'machine'], ['remove', 'machine']):
        said = desk.fails(1, 'client', *words)
        contains(said, desk.config)
        contains(said, '[client machine]')
    users = {user['username']: user for user in desk.json('user', 'list')}
    contains(users['filed']['origin'], desk.path('users'))
    contains(desk.fails(1, 'user', 'passwd', 'filed', said='another-Password\n'), desk.path('users'))
    contains(desk.fails(1, 'user', 'disable', 'filed'), desk.path('users'))
    contains(desk.fails(1, 'user', 'remove', 'filed'), desk.path('users'))


@test('user add, list, passwd, disable, enable, remove')
def _(desk):
    app = desk.add_app()
    desk.write('password', PASSWORD + '\n')
    contains(desk.say('user', 'add', 'ada', '--password-file', 'password'), 'ada')
    equal(desk.json('user', 'add', 'bert', '--password-file', '-', said=PASSWORD + '\n'), {'username': 'bert', 'added': True})
    desk.fails(1, 'user', 'add', 'ada', said=PASSWORD + '\n')
    for nothing in ('', '\n', 'x' * 600 + '\n'):
        desk.fails(1, 'user', 'add', 'carl', said=nothing)
    desk.fails(1, 'user', 'add', 'carl', '--password-file', 'nowhere')
    desk.fails(1, 'user', 'add', 'a:b', said=PASSWORD + '\n')
    listed = {user['username']: user for user in desk.json('user', 'list')}
    equal((listed['ada']['subject'], listed['ada']['disabled'], listed['ada']['origin']), ('ada', False, ''))
    contains(desk.say('user', 'list'), 'bert')

    tokens = desk.sign_in(app, 'ada', PASSWORD)
    desk.say('user', 'passwd', 'ada', said='canary-Password-2\n')
    equal((desk.is_active(tokens['access_token']), desk.refresh(app, tokens['refresh_token'])), (False, 400))
    tokens = desk.sign_in(app, 'ada', 'canary-Password-2')
    equal(desk.json('user', 'disable', 'ada')['disabled'], True)
    equal((desk.is_active(tokens['access_token']), desk.refresh(app, tokens['refresh_token'])), (False, 400))
    desk.say('user', 'enable', 'ada')
    tokens = desk.sign_in(app, 'ada', 'canary-Password-2')
    equal(desk.json('user', 'remove', 'ada'), {'username': 'ada', 'removed': True})
    equal(desk.is_active(tokens['access_token']), False)
    desk.fails(3, 'user', 'remove', 'ada')
    desk.fails(3, 'user', 'passwd', 'ada', said=PASSWORD + '\n')


@test('client add and update: what a client is told that people are called')
def _(desk):
    words = ['--name', 'Pair', '--redirect-uri', 'https://a.test/cb', '--redirect-uri', 'https://b.test/cb', '--subject-type', 'pairwise']
    contains(desk.fails(1, 'client', 'add', *words), 'sector_identifier_uri')
    added = desk.json('client', 'add', *words, '--sector-identifier-uri', 'https://c.test/sector.json')
    shown = desk.json('client', 'show', added['client_id'])
    equal((shown['subject_type'], shown['sector_identifier_uri']), ('pairwise', 'https://c.test/sector.json'))
    contains(desk.say('client', 'show', added['client_id']), 'Subjects')
    shown = desk.json('client', 'update', added['client_id'], '--subject-type', 'public', '--sector-identifier-uri', '')
    equal(shown['subject_type'], 'public')
    lacks(shown, 'sector_identifier_uri')
    desk.fails(1, 'client', 'update', added['client_id'], '--subject-type', 'other')


DESCRIBED = {'client_names': ['de Laden', 'fr Boutique'], 'client_uri': 'https://shop.test/', 'logo_uri': 'https://shop.test/logo.png',
             'policy_uri': 'https://shop.test/policy', 'tos_uri': 'https://shop.test/terms', 'contacts': ['a@shop.test', 'b@shop.test'],
             'software_id': 'shop', 'software_version': '1.2', 'initiate_login_uri': 'https://shop.test/login', 'default_max_age': 0,
             'default_acr_values': ['urn:two'], 'require_auth_time': True, 'backchannel_logout_session_required': True}


@test('client add and update: what it says of itself')
def _(desk):
    words = ['--localized-name', 'de Laden', '--localized-name', 'fr Boutique', '--client-uri', 'https://shop.test/', '--logo-uri',
             'https://shop.test/logo.png', '--policy-uri', 'https://shop.test/policy', '--tos-uri', 'https://shop.test/terms',
             '--contact', 'a@shop.test', '--contact', 'b@shop.test', '--software-id', 'shop', '--software-version', '1.2',
             '--initiate-login-uri', 'https://shop.test/login', '--default-max-age', '0', '--default-acr-value', 'urn:two',
             '--require-auth-time', '--backchannel-logout-session']
    added = desk.json('client', 'add', '--name', 'Shop', '--redirect-uri', 'https://shop.test/cb', *words)
    shown = desk.json('client', 'show', added['client_id'])
    equal({name: shown.get(name) for name in DESCRIBED}, DESCRIBED)
    for line in ('Home page', 'Logo', 'Privacy policy', 'Terms of service', 'Contacts', 'Version'):
        contains(desk.say('client', 'show', added['client_id']), line)
    shown = desk.json('client', 'update', added['client_id'], '--tos-uri', 'https://shop.test/other', '--contact', 'c@shop.test')
    equal((shown['tos_uri'], shown['contacts'], shown['policy_uri']), ('https://shop.test/other', ['c@shop.test'], 'https://shop.test/policy'))
    empty = [word for pair in zip(words, words[1:] + ['']) for word in (pair[0], '') if pair[0].startswith('--') and not pair[1].startswith('--') and pair[1]]
    shown = desk.json('client', 'update', added['client_id'], *empty, '--require-auth-time=no', '--backchannel-logout-session=no')
    equal({name: shown[name] for name in DESCRIBED if shown.get(name)}, {})
    desk.fails(1, 'client', 'update', added['client_id'], '--client-uri', 'javascript:alert(1)')
    desk.fails(2, 'client', 'update', added['client_id'], '--default-max-age', 'long')


@test('client add and update can say everything that D-Bus takes, and jwks comes from standard input too')
def _(desk):
    with open(os.path.join(ROOT, 'src/libtessera-dbus/tessera-dbus-registration.c'), encoding='utf-8') as file:
        taken = set(re.findall(r'^  { "(\w+)", "[\w-]+", "\w+" },$', file.read(), re.MULTILINE))
    with open(os.path.join(ROOT, 'src/tessera/tessera-registration.c'), encoding='utf-8') as file:
        said = set(re.findall(r'^  { "(\w+)", (?:TEXT|LIST|SECONDS|FLAG),', file.read(), re.MULTILINE))
    check(len(taken) > 30, repr(taken))
    equal(taken ^ said, set())
    keys = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
    added = desk.json('client', 'add', '--grant-type', 'client_credentials', '--jwks-file', '-', said=keys)
    equal(json.loads(desk.json('client', 'show', added['client_id'])['jwks']), json.loads(keys))
    equal(desk.run('client', 'add', '--grant-type', 'client_credentials', '--jwks-file', '-', said='x' * (1 << 21))[0], 2)


@test('user set and show: claims by option and from a file, in their types')
def _(desk):
    desk.add_user('dora', PASSWORD)
    desk.write('dora.json', '{"nickname": "D", "name": "other", "address": {"country": "CH"}}')
    shown = desk.json('user', 'set', 'dora', '--claims-file', 'dora.json', '--claim', 'name=Dora = D', '-c', 'email=d@d.test',
                      '-c', 'email_verified=true', '-c', 'groups:=["a", 1]', '-c', 'name#de=Dóra')
    equal(shown, desk.json('user', 'show', 'dora'))
    claims = shown['claims']
    check(claims.pop('updated_at') > 0, 'updated_at')
    equal(claims, {'nickname': 'D', 'name': 'Dora = D', 'address': {'country': 'CH'}, 'email': 'd@d.test', 'email_verified': True,
                   'groups': ['a', 1], 'name#de': 'Dóra'})
    said = desk.say('user', 'show', 'dora')
    for line in ('Username', 'dora', 'name#de', 'Dóra', '{"country":"CH"}', 'State', 'active'):
        contains(said, line)
    claims = desk.json('user', 'set', 'dora', '--claims-file', '-', said='{"locale": "de-CH",\n"zoneinfo": "Europe/Zurich"}\n')['claims']
    equal((claims['locale'], claims['zoneinfo'], claims['nickname']), ('de-CH', 'Europe/Zurich', 'D'))
    for said in ('', '[]', '{"a": 1'):
        desk.fails(2, 'user', 'set', 'dora', '--claims-file', '-', said=said)
    claims = desk.json('user', 'set', 'dora', '--unset', 'nickname', '-c', 'groups:=null')['claims']
    lacks(claims, 'nickname')
    lacks(claims, 'groups')
    for words in ([], ['-c', 'name'], ['-c', '=x'], ['-c', 'x:={'], ['--claims-file', 'nowhere']):
        desk.fails(2, 'user', 'set', 'dora', *words)
    contains(desk.fails(1, 'user', 'set', 'dora', '-c', 'sub=root'), 'sub')
    contains(desk.fails(1, 'user', 'set', 'filed', '-c', 'name=F'), desk.path('users'))
    desk.fails(3, 'user', 'set', 'nobody', '-c', 'name=N')
    desk.fails(3, 'user', 'show', 'nobody')
    equal(desk.json('user', 'show', 'dora')['claims']['email'], 'd@d.test')


@test('token introspect: from a file, standard input or “-”; 6 for one that is not good')
def _(desk):
    token = desk.machine_token('machine', SECRET)
    desk.write('token', token + '\n')
    for words, said in ((['--token-file', 'token'], None), (['-'], token), ([], token + '\n')):
        answer = desk.json('token', 'introspect', *words, said=said)
        equal((answer['active'], answer['client_id'], answer['jti']), (True, 'machine', claims_of(token)['jti']))
    said = desk.say('token', 'introspect', said=token)
    check(re.search(r'Expires +20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d \(in \d+ minutes\)', said), said)
    lacks(said, token)
    for bad in ('nonsense', token[:-6] + 'AAAAAA'):
        equal(desk.json('token', 'introspect', said=bad, status=6), {'active': False})
        status, out, _ = desk.run('token', 'introspect', said=bad)
        equal((status, out.split()), (6, ['Active', 'no']))


@test('token revoke: refused from then on; 6 for what is no token of ours; by jti too')
def _(desk):
    token = desk.machine_token('machine', SECRET)
    equal(desk.json('token', 'revoke', '--hint', 'access_token', said=token), {'revoked': True})
    equal(desk.is_active(token), False)
    for nothing in ('nonsense', token[:-6] + 'AAAAAA'):
        equal(desk.json('token', 'revoke', said=nothing, status=6), {'revoked': False})
    token = desk.machine_token('machine', SECRET)
    jti = claims_of(token)['jti']
    contains(desk.say('token', 'revoke', '--jti', jti), jti)
    equal(desk.is_active(token), False)
    desk.fails(2, 'token', 'revoke', '--jti', 'no uuid')
    desk.fails(2, 'token', 'revoke', '--jti', jti, '-')


@test('grant list and revoke: whose, to whom; a revoked grant refreshes nothing')
def _(desk):
    one, other = desk.add_app('One'), desk.add_app('Other')
    desk.add_user('gerda', PASSWORD)
    first, second = desk.sign_in(one, 'gerda', PASSWORD), desk.sign_in(other, 'gerda', PASSWORD)
    grants = desk.json('grant', 'list', '--user', 'gerda')
    equal({grant['client_id'] for grant in grants}, {one[0], other[0]})
    equal({grant['grant_id'] for grant in grants}, {claims_of(tokens['access_token'])['grant_id'] for tokens in (first, second)})
    mine = desk.json('grant', 'list', '--subject', 'gerda', '--client', one[0])
    equal(len(mine), 1)
    check(mine[0]['began_at'] <= mine[0]['last_used_at'] < mine[0]['expires_at'], repr(mine))
    contains(desk.say('grant', 'list', '--client', one[0]), mine[0]['grant_id'])
    equal(desk.json('grant', 'revoke', mine[0]['grant_id']), {'grant_id': mine[0]['grant_id'], 'revoked': True})
    equal((desk.is_active(first['access_token']), desk.refresh(one, first['refresh_token'])), (False, 400))
    equal((desk.is_active(second['access_token']), desk.refresh(other, second['refresh_token'])), (True, 200))
    status, out, err = desk.run('grant', 'list', '--client', one[0])
    equal((status, out), (0, ''))
    contains(err, 'no grants')
    equal(desk.json('grant', 'list', '--client', one[0]), [])
    desk.fails(3, 'grant', 'list', '--user', 'nobody')
    desk.fails(2, 'grant', 'list', '--user', 'gerda', '--subject', 'gerda')


@test('session list and end')
def _(desk):
    app = desk.add_app()
    desk.add_user('sina', PASSWORD)
    first, second = desk.sign_in(app, 'sina', PASSWORD), desk.sign_in(app, 'sina', PASSWORD)
    sessions = desk.json('session', 'list', '--user', 'sina')
    equal({session['sid'] for session in sessions}, {claims_of(tokens['access_token'])['sid'] for tokens in (first, second)})
    contains(desk.say('session', 'list'), 'sina')
    sid = claims_of(first['access_token'])['sid']
    equal(desk.json('session', 'end', sid), {'sid': sid, 'ended': True})
    equal((desk.is_active(first['access_token']), desk.is_active(second['access_token'])), (False, True))
    equal(len(desk.json('session', 'list', '--subject', 'sina')), 1)


@test('subject revoke: out everywhere, by subject or by name; they may come again')
def _(desk):
    app = desk.add_app()
    desk.add_user('udo', PASSWORD)
    for words in (['--user', 'udo'], ['udo']):
        tokens = desk.sign_in(app, 'udo', PASSWORD)
        equal(desk.json('subject', 'revoke', *words), {'subject': 'udo', 'revoked': True})
        equal((desk.is_active(tokens['access_token']), desk.refresh(app, tokens['refresh_token'])), (False, 400))
        equal((desk.json('session', 'list', '--user', 'udo'), desk.json('grant', 'list', '--user', 'udo')), ([], []))
    desk.fails(3, 'subject', 'revoke', '--user', 'nobody')
    desk.fails(2, 'subject', 'revoke')
    desk.fails(2, 'subject', 'revoke', 'udo', '--user', 'udo')


@test('key list, rotate, retire, revoke; an unknown one is 3, also when it begins with a hyphen')
def _(desk):
    states = {key['state']: key['kid'] for key in desk.json('key', 'list')}
    token = desk.machine_token('machine', SECRET)
    contains(desk.fails(1, 'key', 'rotate'), 'seconds')
    rotated = {key['state']: key['kid'] for key in desk.json('key', 'rotate', '--now')}
    equal((rotated['active'], rotated['retired']), (states['next'], states['active']))
    equal(desk.is_active(token), True)
    contains(desk.say('key', 'list'), rotated['next'])
    equal(desk.json('key', 'revoke', rotated['retired']), {'kid': rotated['retired'], 'revoked': True})
    equal(desk.is_active(token), False)
    contains(desk.fails(1, 'key', 'retire', rotated['active']), 'next or retired')
    desk.say('key', 'rotate', '--now')
    contains(desk.say('key', 'retire', rotated['active']), rotated['active'])
    lacks([key['kid'] for key in desk.json('key', 'list')], rotated['active'])
    for word in ('retire', 'revoke'):
        for kid in ('unknown', '-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789_-ABCDE', '--bCdEfGhIjKlMnOpQrStUvWxYz0123456789_-ABCDE'):
            contains(desk.fails(3, 'key', word, kid), 'no such key')


@test('denylist list and stats: what was refused, of which kind, from where on')
def _(desk):
    before = desk.json('denylist', 'stats')
    token = desk.machine_token('machine', SECRET)
    desk.say('token', 'revoke', said=token)
    desk.say('subject', 'revoke', 'somebody')
    entries = desk.json('denylist', 'list', '--since', str(before['generation']))
    equal([(entry['kind'], entry['value']) for entry in entries], [('token', claims_of(token)['jti']), ('subject', 'somebody')])
    equal(entries[0]['expires_ms'] // 1000 >= claims_of(token)['exp'], True)
    check(entries[1]['until_ms'] > 1700000000000, repr(entries))
    equal([entry['generation'] for entry in entries], [before['generation'] + 1, before['generation'] + 2])
    after = desk.json('denylist', 'stats')
    equal((after['generation'], after['count']), (before['generation'] + 2, before['count'] + 2))
    equal(after['kinds']['subject'], before['kinds'].get('subject', 0) + 1)
    said = desk.say('denylist', 'list')
    contains(said, claims_of(token)['jti'])
    contains(desk.say('denylist', 'stats'), str(after['generation']))
    desk.fails(2, 'denylist', 'list', '--since', '-1')


@test('reload: says that it was read, or which mistake it has')
def _(desk):
    equal(desk.json('reload'), {'reloaded': True})
    desk.write('tessera.conf', desk.text + '[nonsense]\n')
    try:
        contains(desk.fails(1, 'reload'), 'nonsense')
    finally:
        desk.write('tessera.conf', desk.text)
    desk.say('reload')


@test('at a terminal what is hard to take back is asked about; no is no')
def _(desk):
    desk.add_user('karl', PASSWORD)
    for words in (['user', 'remove', 'karl'], ['user', 'disable', 'karl'], ['subject', 'revoke', 'karl']):
        status, shown = desk.at_terminal(words, [('[y/N]', 'n')])
        equal(status, 1, shown)
        contains(shown, 'Nothing was done')
    equal([user['disabled'] for user in desk.json('user', 'list') if user['username'] == 'karl'], [False])
    status, shown = desk.at_terminal(['user', 'remove', 'karl'], [('[y/N]', 'y')])
    equal(status, 0, shown)
    desk.fails(3, 'user', 'remove', 'karl')
    desk.add_user('karl', PASSWORD)
    status, shown = desk.at_terminal(['user', 'remove', 'karl', '--yes'])
    equal(status, 0, shown)
    lacks(shown, '[y/N]')


@test('at a terminal a password is asked for twice, a token once, and neither is shown')
def _(desk):
    status, shown = desk.at_terminal(['user', 'add', 'tina'], [('Password: ', PASSWORD), ('more: ', PASSWORD)])
    equal(status, 0, shown)
    lacks(shown, 'canary')
    desk.sign_in(desk.add_app(), 'tina', PASSWORD)
    status, shown = desk.at_terminal(['user', 'passwd', 'tina'], [('Password: ', PASSWORD), ('more: ', 'canary-other')])
    equal(status, 1, shown)
    token = desk.machine_token('machine', SECRET)
    status, shown = desk.at_terminal(['token', 'introspect'], [('Token: ', token)])
    equal(status, 0, shown)
    lacks(shown, token)


@test('whoever interrupts a question finds a terminal that shows what is typed')
def _(desk):
    echo = []
    status, shown = desk.at_terminal(['user', 'add', 'tom'], [('Password: ', 'canary\x03')],
                                     lambda terminal: echo.append(bool(termios.tcgetattr(terminal)[3] & termios.ECHO)))
    equal((status, echo), (-signal.SIGINT, [True]))
    lacks(shown, 'canary')
    lacks([user['username'] for user in desk.json('user', 'list')], 'tom')


@test('no secret is an argument, in the environment, or said again')
def _(desk):
    for words in (['token', 'introspect', 'canary-token'], ['token', 'revoke', 'canary-token'], ['user', 'add', 'zoe', 'canary-pw'],
                  ['user', 'passwd', 'filed', '--password=canary-pw'], ['token', 'revoke', '--token=canary-token']):
        said = desk.fails(2, *words)
        lacks(said, 'canary')
    with desk.begin('user', 'add', 'zoe') as command:
        command.write(PASSWORD[:6])
        until(lambda: b'add' in open('/proc/%d/cmdline' % command.pid, 'rb').read(), 'the command runs')
        command.write(PASSWORD[6:] + '\n')
        seen = b''
        for name in ('cmdline', 'environ'):
            with open('/proc/%d/%s' % (command.pid, name), 'rb') as file:
                seen += file.read()
        equal(command.wait(), 0, command.text('err'))
        lacks(seen, b'canary')
        lacks(command.text('out') + command.text('err'), 'canary')
    check(not re.search('canary', desk.service.text), 'the log has a secret')


@test('what the service says cannot act on the terminal')
def _(desk):
    name = 'Évil \u202egnp.exe'
    client_id = desk.json('client', 'add', '--name', name, '--redirect-uri', 'https://evil.test/cb')['client_id']
    shown = desk.say('client', 'show', client_id) + desk.say('client', 'list')
    contains(shown, 'Évil \\u{202e}gnp.exe')
    lacks(shown, '\u202e')
    raw = desk.say('client', 'list', '--json')
    lacks(raw, '\u202e')
    check(name in [client.get('client_name') for client in json.loads(raw)], 'JSON says it as it is')
    for name in ('red\x1b[31m', 'csi\x9b31m', 'line\nbreak'):
        lacks(desk.fails(1, 'client', 'add', '--name', name, '--redirect-uri', 'https://evil.test/cb'), '\x1b')
    for uri in ('javascript:\x1b[31m\u202e', 'https://a.test/\x1b]0;x\x07'):
        lacks(desk.fails(1, 'client', 'add', '--name', 'X', '--redirect-uri', uri), '\x1b')


def check_help(desk, words, page):
    """The help of a command has an example; the man page has its name and its options."""
    said = desk.say(*words, '--help')
    contains(said, 'Example')
    contains(said, 'tessera ' + ' '.join(words))
    contains(page, words[-1])
    for option in re.findall(r'^ .*?--([a-z-]+)', said, re.MULTILINE):
        if option != 'help':
            contains(page, 'Fl ' + option, ' '.join(words))


def sub_commands(desk, group):
    status, out, err = desk.run('__complete', group, '')
    check(status in (0, 10) and err == '', err)  # 10: it takes the name of a file
    return out.split()


@test('every level has --help with an example, and the man page names every command and option')
def _(desk):
    with open(os.path.join(ROOT, 'data/man/tessera.1'), encoding='utf-8') as file:
        page = file.read().replace('\\-', '-')
    groups = desk.say('__complete', '').split()
    check(len(groups) >= 13, repr(groups))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        leaves = list(pool.map(lambda group: sub_commands(desk, group), groups))
        for group, said in zip(groups, pool.map(lambda group: desk.say(group, '--help'), groups)):
            contains(said, 'Usage:')
            contains(page, group)
        commands = [[group, leaf] for group, names in zip(groups, leaves) for leaf in names] + [[group] for group, names in zip(groups, leaves) if not names]
        for done in [pool.submit(check_help, desk, words, page) for words in commands]:
            done.result()


def complete(desk, *words):
    """What bash would offer for the last of @words."""
    script = os.path.join(ROOT, 'data/completion/tessera')
    program = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tessera; printf "%s\\n" "${COMPREPLY[@]}"'
    status, said = run(['bash', '-c', program, 'bash', script, COMMAND, *words], env=desk.command_environment(), cwd=desk.folder)
    return said.split('\n')[:-1] if said.strip() else []


@test('bash completes commands, options, files, and names of the service; quoted, and silently')
def _(desk):
    equal(complete(desk, 'den'), ['denylist'])
    equal(complete(desk, 'client', 're'), ['revoke', 'remove'])
    equal(complete(desk, 'client', 'list', '--js'), ['--json'])
    equal(complete(desk, 'client', 'show', 'mach'), ['machine'])
    equal(complete(desk, 'grant', 'list', '--client', 'mach'), ['machine'])
    desk.add_user('o$(touch x) y', PASSWORD)
    equal(complete(desk, 'user', 'remove', 'o$'), ['o\\$\\(touch\\ x\\)\\ y'])
    kid = desk.json('status')['signs_with']
    if not kid.startswith('-'):  # one in 64 looks like an option
        equal(complete(desk, 'key', 'revoke', kid[:20]), [kid])
    desk.write('secret-word', 'x')
    equal(complete(desk, 'user', 'add', 'anna', '--password-file', 'secret-'), ['secret-word'])
    equal(complete(desk, '--socket', '/nowhere', 'client', 'show', ''), [])
    equal(complete(desk, 'frobnicate', ''), [])


@test('lists are read whole, page by page; completion looks where the word points')
def _(_desk):
    with Desk() as desk:
        desk.start()
        connection = Gio.DBusConnection.new_for_address_sync('unix:path=' + desk.socket, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
        made = {'machine'}
        for number in range(1100):
            registration = GLib.Variant('(a{sv})', ({'client_name': GLib.Variant('s', str(number)), 'grant_types':
                                                     GLib.Variant('as', ['client_credentials'])},))
            made.add(connection.call_sync(None, '/org/tessera/Tessera1/manager', 'org.tessera.Tessera1.Manager', 'RegisterClient', registration,
                                          None, Gio.DBusCallFlags.NONE, 60000, None).unpack()[0])
        connection.close_sync(None)
        listed = [client['client_id'] for client in desk.json('client', 'list')]
        equal((len(listed), set(listed)), (1101, made))
        equal(listed, sorted(listed))
        equal(complete(desk, 'client', 'show', listed[-1][:-1]), [listed[-1]])
        equal(desk.service.stop(), 0)


@test('5 when nobody answers, and what was tried; 4 for who may not; 2 for a wrong line')
def _(desk):
    contains(desk.fails(5, 'status', '--socket', '/nowhere/bus'), '/nowhere/bus')
    contains(desk.fails(5, '--socket=/nowhere/bus', 'client', 'list'), '/nowhere/bus')
    contains(desk.fails(5, 'status', TESSERA_SOCKET='/nowhere/too'), '/nowhere/too')
    contains(desk.fails(5, 'status', '--session', TESSERA_SOCKET=None), 'session bus')
    desk.write('not-a-service', '')
    contains(desk.fails(5, 'status', '--socket', 'not-a-service'), 'not-a-service')
    desk.fails(2, 'status', '--socket', desk.socket, '--system')
    desk.fails(2, 'client', 'list', 'stray')
    desk.fails(2, 'client', 'show')
    desk.fails(2, 'client', 'frobnicate')
    desk.fails(2, 'client')


@test('4 for another user: kept away by the file system, or shown the door by the service')
def _(desk):
    if os.geteuid() != 0:
        skip('only root can be another user')
    environment = desk.command_environment(ASAN_OPTIONS='detect_leaks=0')
    somebody = dict(user=65534, group=65534, extra_groups=[], cwd='/', env=environment, timeout=60)
    try:
        if subprocess.run([COMMAND, '--version'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **somebody).returncode != 0:
            skip('the build is not for others to read')
    except PermissionError:
        skip('the build is not for others to read')
    try:
        for mode in (0o700, 0o777):
            os.chmod(desk.folder, mode)
            os.chmod(desk.socket, mode)
            done = subprocess.run([COMMAND, 'status'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **somebody)
            equal(done.returncode, 4, repr(done))
    finally:
        os.chmod(desk.folder, 0o700)
        os.chmod(desk.socket, 0o600)


@test('found in the runtime directory of the user; the sentence names every place that was tried')
def _(desk):
    os.makedirs(desk.path('runtime', 'tessera'), exist_ok=True)
    os.symlink(desk.socket, desk.path('runtime', 'tessera', 'bus'))
    place = desk.path('runtime', 'tessera', 'bus')
    equal(desk.json('status', TESSERA_SOCKET=None, XDG_RUNTIME_DIR=desk.path('runtime'))['reached_by'], place)
    os.unlink(place)
    if not os.path.exists('/run/tessera/bus'):
        status, out, err = desk.run('status', TESSERA_SOCKET=None, XDG_RUNTIME_DIR=desk.path('runtime'),
                                    DBUS_SYSTEM_BUS_ADDRESS='unix:path=/nowhere/system')
        equal((status, out), (5, ''))
        for place in (place, '/run/tessera/bus', 'session bus', 'system bus'):
            contains(err, place)


@test('a runtime directory of another user, which su leaves behind, is not looked into')
def _(desk):
    if os.geteuid() != 0 or os.path.exists('/run/tessera/bus'):
        skip('only root can make a folder of another user, and nothing else may answer')
    runtime = desk.path('theirs')
    os.makedirs(os.path.join(runtime, 'tessera'))
    os.symlink(desk.socket, os.path.join(runtime, 'tessera', 'bus'))
    os.chown(runtime, 65534, 65534)
    status, out, err = desk.run('status', TESSERA_SOCKET=None, XDG_RUNTIME_DIR=runtime, DBUS_SYSTEM_BUS_ADDRESS='unix:path=/nowhere/system')
    equal((status, out), (5, ''), err)
    contains(err, 'belongs to another user')


@test('a service that takes its time is waited for, and at a terminal that is shown')
def _(desk):
    desk.service.signal(signal.SIGSTOP)
    try:
        with desk.begin('client', 'list') as quiet:
            status, shown = desk.at_terminal(['client', 'list'], [('Waiting for the service', lambda: desk.service.signal(signal.SIGCONT))])
            equal(status, 0, shown)
            contains(shown, 'machine')
            equal((quiet.wait(), quiet.text('err')), (0, ''))
    finally:
        desk.service.signal(signal.SIGCONT)


@test('completion gives up in time, without a word')
def _(desk):
    desk.service.signal(signal.SIGSTOP)
    try:
        equal(complete(desk, 'client', 'show', 'mach'), [])
    finally:
        desk.service.signal(signal.SIGCONT)


@test('a standard output that is full is a failure')
def _(desk):
    with open('/dev/full', 'wb') as full:
        done = subprocess.run([COMMAND, 'client', 'list'], stdout=full, stderr=subprocess.PIPE, timeout=60, env=desk.command_environment())
    equal(done.returncode, 1)
    contains(done.stderr.decode(), 'standard output')


if __name__ == '__main__':
    tap.main(lambda: Desk(users=password_line('filed', FILED)))
