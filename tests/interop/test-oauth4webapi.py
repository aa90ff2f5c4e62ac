#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""oauth4webapi (npm), a client that refuses whatever an RFC does not allow. The replay window is 0 here:
it presents a rotated refresh token at once and wants it refused."""
import node_modules
from interop import InteropService, Report

report = Report()
folder, why = node_modules.prepare()
if folder is None:
    report.skip('oauth4webapi', why)
    report.end()
service = InteropService(tokens='[tokens]\nreplay-window=0\n').start()
for client in list(service.clients.values())[:3]:
    report.relay(['node', folder + '/oauth4webapi.mjs'], service.environment_for(client))
for name in ('OpenID Connect discovery', 'ID token', 'PAR', 'DPoP', 'device authorization grant'):
    report.skip('oauth4webapi: ' + name, 'is not offered in this release')
report.end(service)
