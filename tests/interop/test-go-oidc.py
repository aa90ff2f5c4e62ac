#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""go-oidc and golang.org/x/oauth2 from Debian's packages: what Forgejo, Gitea, Grafana and many others log in with."""
import os
import shutil
import subprocess

import relying_party
from interop import HERE, REDIRECT, Client, Report

SOURCES = '/usr/share/gocode'
NEWER, OLDER = 'github.com/coreos/go-oidc/v3/oidc', 'github.com/coreos/go-oidc'


def have(package):
    return os.path.exists(os.path.join(SOURCES, 'src', package, 'oidc.go'))


def missing():
    if shutil.which('go') is None:
        return 'go is not installed'
    if not have(NEWER) and not have(OLDER):
        return 'go-oidc is not installed'
    return None if os.path.isdir(SOURCES + '/src/golang.org/x/oauth2') else 'golang.org/x/oauth2 is not installed'


def build():
    """With what Debian has, nothing is fetched."""
    folder = os.path.join(os.environ['INTEROP_BUILD'], 'go-oidc')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(HERE, 'go', 'relying-party.go'), encoding='utf-8') as file:
        text = file.read()
    with open(os.path.join(folder, 'main.go'), 'w', encoding='utf-8') as file:
        file.write(text if have(NEWER) else text.replace(NEWER, OLDER))
    environment = dict(os.environ, GO111MODULE='off', GOPATH=SOURCES, GOFLAGS='', GOPROXY='off', GOTOOLCHAIN='local',
                       GOCACHE=os.path.join(os.environ['INTEROP_BUILD'], 'go-cache'))
    subprocess.run(['go', 'build', '-o', 'relying-party', 'main.go'], cwd=folder, env=environment, check=True, timeout=900)
    return os.path.join(folder, 'relying-party')


def clients():
    """As Forgejo is, too: it has a secret and no PKCE."""
    keys = dict(redirect_uri=REDIRECT, post_logout_redirect_uris=REDIRECT + '/out;', scope=relying_party.SCOPE, grant_types='authorization_code;refresh_token;', application_type='native')
    return relying_party.clients() + [Client('rp-forge', client_name='Forge', require_pkce='false', **keys)]


def walk(report, service, program):
    for client in clients():
        more = dict(ID_TOKEN_ALG=client.keys.get('id_token_signed_response_alg', 'RS256'), CLIENT_NAME=client.id,
                    PKCE='0' if client.keys.get('require_pkce') == 'false' else '1')
        more['TESSERA_SOCKET'] = os.path.join(service.runtime, 'bus')
        environment = service.environment_for(service.clients[client.id], **more)
        report.relay([program], dict(environment, SCOPE=relying_party.SCOPE))


report = Report()
why = missing()
program = None if why else report.step('the relying party is built', build)
if why:
    report.skip('go-oidc', why)
elif program:
    report.run(walk, program, more=clients(), sections='[tokens]\nreplay-window=0\n')
report.end()
