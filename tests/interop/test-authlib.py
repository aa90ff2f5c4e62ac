#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Authlib as a client and as the one who checks the tokens."""
import os

from interop import HERE, InteropService, Report

report = Report()
service = InteropService().start()
for client in list(service.clients.values())[:3]:
    report.relay(['/usr/bin/python3', os.path.join(HERE, 'authlib-probe.py')], service.environment_for(client))
report.end(service)
