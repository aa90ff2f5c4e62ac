#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""GNOME librest as a client: a public one, with rotation, as GNOME applications are; and a confidential one."""
import os

from interop import InteropService, ProtectedResource, Report

report = Report()
service = InteropService().start()
api = ProtectedResource(service)
for client_id in ('interop-public', 'interop-post'):
    report.relay([os.environ['LIBREST_PROBE']], service.environment_for(service.clients[client_id], API_URL=api.url, ADD_BEARER='1'))
report.end(service)
