#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages as a person meets them, in headless Chromium (node/chromium.mjs). Screenshots go to the folder
`screens` of the build directory, to be looked at."""
import os
import shutil
import subprocess
import tempfile

import node_modules
from interop import HERE, PRIVATE_REDIRECT, Report

CHROMIUM = shutil.which('chromium')


def make_theme(directory):
    """A site's theme: what scopes mean, and a language of its own that is written from right to left."""
    source = os.path.join(HERE, 'theme')
    shutil.copy(os.path.join(source, 'scopes.ini'), directory)
    subprocess.run(['msgfmt', '-o', os.path.join(directory, 'ar.mo'), os.path.join(source, 'ar.po')], check=True)
    return directory


def walk(report, service, folder):
    screens = os.path.join(os.environ['INTEROP_BUILD'], 'screens')
    shutil.rmtree(screens, ignore_errors=True)
    os.makedirs(screens)
    environment = service.environment_for(
        service.clients['interop-public'], CHROMIUM=CHROMIUM, SCREENS=screens, CLOCK=service.clock_file,
        PRIVATE_REDIRECT_URI=PRIVATE_REDIRECT)
    report.relay([node_modules.NODE, folder + '/chromium.mjs'], environment)
    report.comment('screenshots: %s' % screens)


def run(report):
    folder, why = node_modules.prepare()
    if folder is None:
        report.skip('chromium', why)
        return
    with tempfile.TemporaryDirectory(prefix='tessera-theme-') as theme:
        report.run(walk, folder, server='theme-directory=%s\n' % make_theme(theme))


report = Report()
if report.finds('chromium', 'msgfmt'):
    run(report)
report.end()
