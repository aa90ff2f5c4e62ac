#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""openid-client (npm), on oauth4webapi: the relying party of most programs for Node."""
import node_modules
import relying_party
from interop import Report


def walk(report, service, folder):
    for client in relying_party.clients():
        algorithm = client.keys.get('id_token_signed_response_alg', 'RS256')
        environment = service.environment_for(service.clients[client.id], ID_TOKEN_ALG=algorithm)
        report.relay([node_modules.NODE, folder + '/openid-client.mjs'], dict(environment, SCOPE=relying_party.SCOPE))


report = Report()
folder, why = node_modules.prepare()
if folder is None:
    report.skip('openid-client', why)
else:
    report.run(walk, folder, more=relying_party.clients(), sections='[tokens]\nreplay-window=0\n')
relying_party.skip_later(report, 'openid-client')
report.end()
