#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole code flow in headless Chromium, by mouse and by keyboard alone; axe-core looks at every page;
screenshots in light, dark, narrow and right-to-left go to the folder `screens` of the build."""
import os
import shutil

import node_modules
from interop import REDIRECT, InteropService, Report

report = Report()
folder, why = node_modules.prepare()
browser = shutil.which('chromium')
if folder is None or browser is None:
    report.skip('chromium', why or 'there is no chromium')
    report.end()
service = InteropService().start()
screens = os.path.join(os.environ['INTEROP_BUILD'], 'screens')
os.makedirs(screens, exist_ok=True)
client = service.clients['interop-public']
environment = service.environment_for(client, CHROMIUM=browser, SCREENS=screens)
environment['URL'] = service.issuer + service.authorization_url(client, redirect_uri=REDIRECT, scope='api:read api:write')
report.relay(['node', folder + '/chromium.mjs'], environment, timeout=280)
print('# screenshots: %s' % screens)
report.end(service)
