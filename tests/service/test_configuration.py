#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service accepts as a configuration, and what it says about the rest."""

import glob
import os
import re
import shutil
import sys

from workshop import ROOT, SECRET, Workshop, run
from tessera_fixture import hash_password
import tap
from tap import test

KEYS = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'


def in_workshop(name):
    def register(function):
        @test(name)
        def _():
            with Workshop() as workshop:
                function(workshop)
    return register


# The command line

@test('options: --version says the version')
def _():
    status, said = run([os.environ['TESSERAD'], '--version'])
    tap.equal((status, bool(re.fullmatch(r'tesserad \d+\.\d+\.\d+\n', said))), (0, True), said)


@test('options: an unknown option or a stray word is a usage error')
def _():
    for words in (['--frobnicate'], ['--config'], ['stray']):
        status, said = run([os.environ['TESSERAD']] + words)
        tap.equal(status, 2, said)


# Files

@in_workshop('file: one that is not there is refused by its name')
def _(workshop):
    status, said = workshop.check()
    tap.equal(status, 78, said)
    tap.contains(said, workshop.config)


@in_workshop('file: a folder, broken syntax, NUL and broken UTF-8 are refused')
def _(workshop):
    workshop.refuses('issuer=x\n', workshop.config)
    workshop.refuses('[server\nissuer=x\n', workshop.config)
    workshop.refuses(b'[server]\nissuer=http://127.0.0.1\0\n', workshop.config, 'NUL')
    workshop.refuses(b'[server]\nissuer=http://\xff\n', workshop.config, 'line 2')
    workshop.refuses(b'[server]\nissuer[\xff]=http://127.0.0.1\n', workshop.config, 'line 2 is not in UTF-8')
    os.unlink(workshop.config)
    os.mkdir(workshop.config)
    status, said = workshop.check()
    tap.equal(status, 78, said)


@in_workshop('file: the smallest good one is accepted, and nothing is made')
def _(workshop):
    workshop.accepts(workshop.server())
    tap.equal(sorted(os.listdir(workshop.folder)), ['tessera.conf'], 'files')


@in_workshop('file: an unknown group is named')
def _(workshop):
    workshop.refuses(workshop.server() + '[tokns]\ncode-lifetime=1\n', workshop.config, '[tokns]')
    workshop.refuses(workshop.server() + '[client]\nscope=a\n', workshop.config, '[client]')
    workshop.refuses(workshop.server() + '[clientx y]\nscope=a\n', workshop.config, '[clientx y]')
    workshop.refuses(workshop.server() + '[client ]\nscope=a\n', workshop.config, '[client ]')


@in_workshop('file: an unknown key is named, in any kind of group')
def _(workshop):
    workshop.refuses(workshop.server(isuer='x'), workshop.config, '[server] isuer')
    workshop.refuses(workshop.server() + '[client a]\nredirect-uris=x\n', workshop.config, '[client a] redirect-uris')
    workshop.refuses(workshop.server() + '[resource a]\nidentifer=x\n', workshop.config, '[resource a] identifer')
    workshop.refuses(workshop.server() + '[tokens]\ncode-lifetime[de]=60\n', workshop.config, '[tokens] code-lifetime[de]')


@in_workshop('file: a wrong type is named')
def _(workshop):
    for group, key, values in (
            ('tokens', 'access-token-lifetime', ('ten', '1.5', '0', '-1', '99999999999999999999', '')),
            ('tokens', 'code-lifetime', ('61',)),
            ('endpoints', 'revocation-enabled', ('yes', '1', 'TRUE', '')),
            ('tokens', 'signing-algorithm', ('es256', 'HS256', 'none')),
            ('endpoints', 'token', ('token', '/', '//token', '/to%6ben', '/token?x', '/a/../b', '/token/', '/a b')),
            ('client a', 'require_pkce', ('maybe',)),
            ('client a', 'redirect_uris', ('https://a.test/;;',)),
            ('client a', 'access_token_lifetime', ('0', 'x'))):
        for value in values:
            workshop.refuses('%s[%s]\n%s=%s\n' % (workshop.server(), group, key, value), workshop.config, '[%s] %s' % (group, key))


@in_workshop('file: a group or key that is there twice is refused')
def _(workshop):
    workshop.refuses(workshop.server() + '[tokens]\ncode-lifetime=1\ncode-lifetime=2\n', '[tokens] code-lifetime', 'twice')
    workshop.refuses(workshop.server() + '[tokens]\ncode-lifetime=1\n[session]\n[tokens]\nreplay-window=2\n', '[tokens]', 'twice')


@in_workshop('file: direct-endpoints is a switch')
def _(workshop):
    workshop.accepts(workshop.server(**{'direct-endpoints': 'true'}))
    workshop.accepts(workshop.server(**{'direct-endpoints': 'false'}))
    workshop.refuses(workshop.server(**{'direct-endpoints': 'perhaps'}), '[server] direct-endpoints')


@in_workshop('file: issuer, listener, address and identifier must be there')
def _(workshop):
    workshop.refuses(workshop.server(issuer=None), '[server] issuer', 'missing')
    workshop.refuses('[server]\nissuer=http://127.0.0.1:1\n', workshop.config, 'listener')
    workshop.refuses('[server]\nissuer=http://127.0.0.1:1\n[listener a]\n', '[listener a] address', 'missing')
    workshop.refuses(workshop.server() + '[resource a]\nscopes=a;\n', '[resource a] identifier', 'missing')


# Drop-ins

@in_workshop('drop-in: a later file replaces a key, and leaves the others')
def _(workshop):
    last = workshop.write('tessera.conf.d/9-z.conf', '[tokens]\ncode-lifetime=30\n')
    for number in range(10, 60):
        workshop.write('tessera.conf.d/%d-a.conf' % number, '[tokens]\ncode-lifetime=wrong\n')
    text = workshop.server() + '[tokens]\ncode-lifetime=wrong\nreplay-window=5\n'
    workshop.accepts(text)
    os.unlink(last)
    workshop.refuses(text, workshop.path('tessera.conf.d', '59-a.conf'))
    workshop.write('tessera.conf.d/z.conf', '[tokens]\ncode-lifetime=30\n')
    workshop.accepts(text)
    workshop.refuses(text.replace('=5', '=x'), workshop.config, '[tokens] replay-window')


@in_workshop('drop-in: the file that said it is the one that is named')
def _(workshop):
    drop_in = workshop.write('tessera.conf.d/10-a.conf', '[tokens]\ncode-lifetime=wrong\n')
    workshop.refuses(workshop.server() + '[tokens]\nreplay-window=5\n', drop_in, '[tokens] code-lifetime')


@in_workshop('drop-in: hidden and other files are not read; a broken one is refused')
def _(workshop):
    workshop.write('tessera.conf.d/.hidden.conf', 'nonsense')
    workshop.write('tessera.conf.d/old.conf~', 'nonsense')
    workshop.accepts(workshop.server())
    broken = workshop.write('tessera.conf.d/z.conf', 'nonsense')
    workshop.refuses(workshop.server(), broken)


# Values that mean something

@in_workshop('issuer: https, or http on loopback, without query or trailing slash')
def _(workshop):
    workshop.accepts(workshop.server(issuer='https://id.example.org'))
    workshop.accepts(workshop.server(issuer='https://id.example.org/some/path'))
    for issuer in ('http://id.example.org', 'https://id.example.org/', 'https://id.example.org?x', 'id.example.org', 'ftp://id.example.org'):
        workshop.refuses(workshop.server(issuer=issuer), workshop.config, '[server] issuer')


@in_workshop('endpoints: two may not share a path, nor take a page')
def _(workshop):
    workshop.refuses(workshop.server() + '[endpoints]\nrevocation=/token\n', '[endpoints]', '/token')
    workshop.refuses(workshop.server() + '[endpoints]\nrevocation=/login\n', '[endpoints] revocation', '/login')
    workshop.accepts(workshop.server() + '[endpoints]\nrevocation=/sgc/oauth2/revoke\n')


@in_workshop('listener: an address is digits and port, a unix path, or systemd')
def _(workshop):
    def listener(address):
        return '[server]\nissuer=http://127.0.0.1:1\nstate-directory=state\n[listener a]\naddress=%s\n' % address
    for address in ('127.0.0.1:0', '[::1]:8417', '0.0.0.0:80', 'unix:http', 'systemd'):
        workshop.accepts(listener(address))
    for address in ('127.0.0.1', 'localhost:8417', '::1:8417', '[::1]', '127.0.0.1:70000', '127.0.0.1:-1', ':8417', 'unix:' + 'x' * 200):
        workshop.refuses(listener(address), workshop.config, '[listener a] address')


@in_workshop('listener: a trusted proxy is an address in digits, or unix')
def _(workshop):
    workshop.accepts(workshop.server() + 'trusted-proxies=127.0.0.1;::1;unix;\n')
    workshop.accepts(workshop.server() + 'trusted-proxies=unix;\nproxy-protocol=true\n')
    workshop.refuses(workshop.server() + 'proxy-protocol=true\n', workshop.config, '[listener main] proxy-protocol')
    for bad in ('localhost', '127.0.0.0/8', '127.0.0.1,::1', 'unix:'):
        workshop.refuses(workshop.server() + 'trusted-proxies=%s;\n' % bad, workshop.config, '[listener main] trusted-proxies')


@in_workshop('listener: certificate and key must be there, private and fitting')
def _(workshop):
    certificate, key = make_certificate(workshop)
    workshop.accepts(workshop.server() + 'certificate=cert.pem\nprivate-key=key.pem\n')
    workshop.refuses(workshop.server() + 'private-key=key.pem\n', '[listener main] private-key')
    workshop.refuses(workshop.server() + 'certificate=none.pem\nprivate-key=key.pem\n', '[listener main] certificate')
    workshop.refuses(workshop.server() + 'certificate=cert.pem\nprivate-key=none.pem\n', '[listener main] private-key')
    os.chmod(key, 0o644)
    workshop.refuses(workshop.server() + 'certificate=cert.pem\nprivate-key=key.pem\n', '[listener main] private-key', key)
    with open(certificate, encoding='ascii') as one, open(key, encoding='ascii') as other:
        both = workshop.write('both.pem', one.read() + other.read())
    workshop.accepts(workshop.server() + 'certificate=both.pem\n')
    os.chmod(both, 0o644)
    workshop.refuses(workshop.server() + 'certificate=both.pem\n', '[listener main] certificate', both)


def make_certificate(workshop, name='127.0.0.1'):
    certificate, key = workshop.path('cert.pem'), workshop.path('key.pem')
    status, said = run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=' + name,
                        '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate])
    tap.equal(status, 0, said)
    os.chmod(key, 0o600)
    return certificate, key


@in_workshop('listener: no module that the environment names is loaded')
def _(workshop):
    modules = glob.glob('/usr/lib/*/gio/modules/libgiognutls.so')
    if not modules:
        tap.skip('there is no module to try it with')
    make_certificate(workshop)
    os.mkdir(workshop.path('modules'))
    shutil.copy(modules[0], workshop.path('modules', 'libgiounwanted.so'))
    said = workshop.accepts(workshop.server() + 'certificate=cert.pem\nprivate-key=key.pem\n',
                            GIO_EXTRA_MODULES=workshop.path('modules'), LD_DEBUG='files')
    tap.contains(said, 'gnutls', 'what the loader does')
    tap.lacks(said, 'libgiounwanted')


# Secrets

@in_workshop('secret: generated ones and long ones are accepted, short ones refused')
def _(workshop):
    text = workshop.server() + workshop.machine()
    workshop.accepts(text)
    workshop.write('machine.secret', 'x' * 16)
    workshop.accepts(text)
    path = workshop.write('machine.secret', 'x' * 15 + '\n')
    workshop.refuses(text, workshop.config, '[client machine] client_secret_file', path, '128 bits')
    for bad in ('', '\n', SECRET + '\nanother line of it\n', SECRET + '\r\n', SECRET + '\0', b'\xff' * 40, 'x' * 2000):
        workshop.write('machine.secret', bad)
        workshop.refuses(text, workshop.config, '[client machine] client_secret_file')


@in_workshop('secret: it is never repeated in a message')
def _(workshop):
    text = workshop.server() + workshop.machine()
    workshop.write('machine.secret', 'canary-x')
    status, said = workshop.check(text)
    tap.equal(status, 78, said)
    tap.lacks(said, 'canary')


@in_workshop('secret: a file that others can use is refused')
def _(workshop):
    text = workshop.server() + workshop.machine()
    path = workshop.path('machine.secret')
    for mode in (0o644, 0o604, 0o620, 0o602, 0o660, 0o610):
        os.chmod(path, mode)
        workshop.refuses(text, '[client machine] client_secret_file', path, 'mode')
    for mode in (0o600, 0o400):
        os.chmod(path, mode)
        workshop.accepts(text)
    if os.getuid() == 0:
        os.chmod(path, 0o640)
        workshop.accepts(text)
        os.chown(path, 0, 65534)
        workshop.refuses(text, '[client machine] client_secret_file', path)
        os.chmod(path, 0o600)
        os.chown(path, 65534, 0)
        workshop.refuses(text, '[client machine] client_secret_file', path, 'another user')
    os.unlink(path)
    workshop.refuses(text, '[client machine] client_secret_file', path)
    os.mkdir(path)
    workshop.refuses(text, '[client machine] client_secret_file', path)


@in_workshop('secret: two files while it changes, not three')
def _(workshop):
    for name in ('one', 'two', 'three'):
        workshop.write(name, name + SECRET)
    text = workshop.server() + '[client a]\ngrant_types=client_credentials;\nclient_secret_file='
    workshop.accepts(text + 'one;two;\n')
    workshop.refuses(text + 'one;two;three;\n', '[client a] client_secret_file')


@in_workshop('secret: a credential of systemd is found by its name')
def _(workshop):
    text = workshop.server() + '[client a]\ngrant_types=client_credentials;\nclient_secret_file=credential:shop\n'
    workshop.refuses(text, '[client a] client_secret_file', 'credential')
    workshop.write('credentials/shop', SECRET, 0o440)
    workshop.accepts(text, CREDENTIALS_DIRECTORY=workshop.path('credentials'))
    workshop.refuses(text.replace('credential:shop', 'credential:../tessera.conf'), '[client a] client_secret_file', CREDENTIALS_DIRECTORY=workshop.path('credentials'))


# Clients, users, resources

@in_workshop('client: a contradiction names file, group and key')
def _(workshop):
    def client(lines):
        return workshop.server() + workshop.machine('shop', lines)
    public = workshop.server() + '[client app]\n'
    workshop.refuses(client('redirect_uris=http://shop.example.org/cb;\n'), workshop.config, '[client shop] redirect_uris')
    workshop.refuses(client('token_endpoint_auth_method=magic\n'), workshop.config, '[client shop] token_endpoint_auth_method')
    workshop.refuses(client('application_type=fridge\n'), workshop.config, '[client shop] application_type')
    workshop.refuses(client('resources=not a uri;\n'), workshop.config, '[client shop] resources')
    workshop.refuses(client('allowed_origins=https://a.test/path;\n'), workshop.config, '[client shop] allowed_origins')
    workshop.refuses(public + 'grant_types=password;\n', workshop.config, '[client app] grant_types')
    workshop.refuses(public + 'require_pkce=false\n', workshop.config, '[client app] require_pkce')
    workshop.refuses(public + 'first_party=true\n', workshop.config, '[client app] first_party')
    workshop.refuses(public + 'scope="quoted"\n', workshop.config, '[client app] scope')
    workshop.refuses(public + 'redirect_uris=javascript:alert(1);\n', workshop.config, '[client app] redirect_uris')


@in_workshop('client: every key of the manual is understood')
def _(workshop):
    workshop.accepts(workshop.server() + '[resource r]\nidentifier=https://r.test/\nscopes=a;b;\ntoken-type=JWT\nsigning-algorithm=EdDSA\n'
                     + workshop.machine('shop', '''client_name=Laden für Käse
redirect_uris=https://shop.test/cb;https://shop.test/other;
token_endpoint_auth_method=client_secret_post
application_type=web
resources=https://r.test/;
audience=https://r.test/;
introspect=*;
access_token_lifetime=60
refresh_token_lifetime=3600
first_party=true
require_pkce=false
allowed_origins=https://shop.test;
'''))


@in_workshop('client: the file with its keys lies beside the configuration, and a missing one is named')
def _(workshop):
    text = workshop.server() + '[client c]\ngrant_types=client_credentials;\ntoken_endpoint_auth_method=private_key_jwt\njwks_file=keys.json\n'
    workshop.refuses(text, workshop.config, '[client c] jwks_file', workshop.path('keys.json'))
    workshop.write('keys.json', KEYS)
    workshop.accepts(text)
    workshop.accepts(text + 'token_endpoint_auth_signing_alg=EdDSA\n')
    workshop.refuses(text + 'token_endpoint_auth_signing_alg=ES256\n', '[client c]', 'no key for ES256')
    for bad in ('', '{', '[]', '{"keys":[]}', '{"keys":[1]}'):
        workshop.write('keys.json', bad)
        workshop.refuses(text, '[client c]')


@in_workshop('listener: that all behind a unix socket share an address is said, unless the proxy may name them')
def _(workshop):
    unix = workshop.server() + '[listener proxy]\naddress=unix:http\n'
    tap.contains(workshop.accepts(unix), 'everybody behind it counts as one address')
    tap.lacks(workshop.accepts(unix + 'trusted-proxies=unix;\n'), 'counts as one address')


@in_workshop('client: doing without PKCE is said')
def _(workshop):
    said = workshop.accepts(workshop.server() + workshop.machine('shop', 'require_pkce=false\n'))
    tap.contains(said, 'client shop')
    tap.contains(said, 'require_pkce=false')


@in_workshop('users: hashes are accepted; anything else names file, group and key')
def _(workshop):
    text = workshop.server() + '[users]\nfile=people\n'
    workshop.refuses(text, workshop.config, '[users] file', workshop.path('people'))
    workshop.write('people', 'alice:%s\n' % HASH)
    workshop.accepts(text)
    for bad in ('alice:secret\n', 'alice\n', ':%s\n' % HASH, 'alice:$1$abcdefgh$ABCDEFGHIJKLMNOPQRSTU.\n', 'a:%s\na:%s\n' % (HASH, HASH)):
        workshop.write('people', bad)
        workshop.refuses(text, workshop.config, '[users] file')
    workshop.write('people', 'alice:%s\n' % HASH, 0o644)
    workshop.refuses(text, workshop.config, '[users] file', 'mode')


HASH = hash_password('a password of a test')


@in_workshop('resource: its identifier is an absolute URI, once')
def _(workshop):
    workshop.refuses(workshop.server() + '[resource a]\nidentifier=nothing\n', workshop.config, '[resource a] identifier')
    workshop.refuses(workshop.server() + '[resource a]\nidentifier=https://a.test/\nsigning-algorithm=HS256\n', '[resource a] signing-algorithm')


# What is shipped

def settings():
    """(group, key, default) of the vocabulary of the service."""
    with open(os.path.join(ROOT, 'src', 'tesserad', 'tesserad-schema.c'), encoding='utf-8') as file:
        table = re.findall(r'\{ "(\w+)", "([\w-]+)", (TESSERAD_KIND_\w+)(?:, (?:"[\w-]+"|NULL)(?:,\s*"([^"]*)")?)?', file.read())
    tap.check(len(table) > 40, 'the table was not understood')
    return table


@test('manual: it names every key, and its default')
def _():
    with open(os.path.join(ROOT, 'data', 'man', 'tessera.conf.5'), encoding='utf-8') as file:
        manual = file.read()
    for group, key, _kind, default in settings():
        tap.check(re.search(r'^\.(It )?Cm .*%s\b' % re.escape(key), manual, re.M), '%s of [%s]' % (key, group))
        if default and default not in ('true', 'authorization_code'):
            tap.contains(manual, default, key)


@test('default configuration: it is good, and shows every key with its default')
def _():
    path = os.path.join(ROOT, 'data', 'tessera.conf')
    status, said = run([os.environ['TESSERAD'], '--check-config', '--config', path])
    tap.equal(status, 0, said)
    with open(path, encoding='utf-8') as file:
        text = file.read()
    for group, key, kind, default in settings():
        if kind != 'TESSERAD_KIND_REFUSED':
            line = re.search(r'^#?%s=(.*)$' % re.escape(key), text, re.M)
            tap.check(line, '%s of [%s]' % (key, group))
            if default and group != 'client':
                tap.equal(line.group(1), default, '%s of [%s]' % (key, group))


if __name__ == '__main__':
    tap.main()
