#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""oauth4webapi (npm), a client that refuses whatever an RFC does not allow. The replay window is 0 here:
it presents a rotated refresh token at once and wants it refused."""
import node_modules
from interop import ProtectedResource, Report

LATER = {
    'pushed authorization requests': 'PAR is not offered in this release',
    'DPoP': 'sender-constrained tokens are not offered in this release',
    'device authorization grant': 'it is not offered in this release',
}


def walk(report, service, folder):
    api = ProtectedResource(service)
    for client in service.log_in_clients():
        report.relay([node_modules.NODE, folder + '/oauth4webapi.mjs'], service.environment_for(client, API_URL=api.url))


report = Report()
folder, why = node_modules.prepare()
if folder is None:
    report.skip('oauth4webapi', why)
else:
    report.run(walk, folder, sections='[tokens]\nreplay-window=0\n')
for name, reason in LATER.items():
    report.skip('oauth4webapi: ' + name, reason)
report.end()
