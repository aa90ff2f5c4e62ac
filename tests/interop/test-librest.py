#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""GNOME librest as a client: a public one, with rotation, as GNOME applications are; and a confidential one."""
import os

from interop import ProtectedResource, Report


def walk(report, service):
    api = ProtectedResource(service)
    for client_id in ('interop-public', 'interop-post'):
        environment = service.environment_for(service.clients[client_id], API_URL=api.url)
        report.relay([os.environ['LIBREST_PROBE']], environment)


report = Report()
if os.environ.get('LIBREST_PROBE'):
    report.run(walk)
else:
    report.skip('librest', 'it was not there when this was built')
report.end()
