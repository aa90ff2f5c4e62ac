#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""openid-client (npm), on oauth4webapi: the relying party of most programs for Node."""
import node_modules
import relying_party
from interop import Report


def clients():
    return relying_party.clients() + [relying_party.signing_client(), relying_party.sealing_client()]


def walk(report, service, folder):
    for client in clients():
        more = dict(ID_TOKEN_ALG=client.keys.get('id_token_signed_response_alg', 'RS256'))
        if client.method == 'private_key_jwt':
            more['CLIENT_KEY'] = client.pem()
        environment = service.environment_for(service.clients[client.id], **more)
        report.relay([node_modules.NODE, folder + '/openid-client.mjs'], dict(environment, SCOPE=relying_party.SCOPE))


report = Report()
folder, why = node_modules.prepare()
if folder is None:
    report.skip('openid-client', why)
else:
    report.run(walk, folder, more=clients(), sections='[tokens]\nreplay-window=0\n')
report.end()
