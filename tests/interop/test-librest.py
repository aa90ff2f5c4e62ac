#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""GNOME librest as a client: a public one, with rotation, as GNOME applications are; and a confidential one."""
import os
import tempfile
import urllib.parse

from interop import REDIRECT, ProtectedResource, Report


def walk(report, service):
    api = ProtectedResource(service)
    for client_id in ('interop-public', 'interop-post'):
        client = service.clients[client_id]
        question = dict(client_id=client_id, post_logout_redirect_uri=REDIRECT + '/out')
        with tempfile.TemporaryDirectory(prefix='tessera-jar-') as folder:
            more = dict(API_URL=api.url, REVOKE_URL=service.issuer + '/revoke', LOGOUT_URL=service.issuer + '/logout?' + urllib.parse.urlencode(question))
            environment = service.environment_for(client, AGENT_JAR=os.path.join(folder, 'cookies'), **more)
            report.relay([os.environ['LIBREST_PROBE']], environment)


report = Report()
if os.environ.get('LIBREST_PROBE'):
    report.run(walk)
else:
    report.skip('librest', 'it was not there when this was built')
report.end()
