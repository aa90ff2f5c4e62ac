#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages as a person meets them, in headless Chromium (node/chromium.mjs, node/account.mjs). Screenshots go
to the folder `screens` of the build directory, to be looked at."""
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


def start_asking(theme, environment):
    """A program that asks for one-time codes."""
    asking = subprocess.Popen([os.path.join(HERE, 'asking-server.py'), theme], env=environment, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    return asking, asking.stdout.readline().strip()


def walk_account(report, service, folder, theme):
    service.terminate()
    subprocess.run([os.environ['ADD_USER'], service.issuer, service.state, 'carol', 'carol-canary-Pw4'], check=True, timeout=60)
    service.start_again()
    environment = service.environment_for(
        service.clients['interop-public'], CHROMIUM=CHROMIUM, CLOCK=service.clock_file, CAROL_PASSWORD='carol-canary-Pw4',
        SCREENS=os.path.join(os.environ['INTEROP_BUILD'], 'screens'), PRIVATE_REDIRECT_URI=PRIVATE_REDIRECT)
    asking, environment['ASKING'] = start_asking(theme, environment)
    try:
        report.relay([node_modules.NODE, folder + '/account.mjs'], environment)
    finally:
        asking.communicate()
    report.line(asking.returncode == 0, 'the program that asks ended in order')


def run(report):
    folder, why = node_modules.prepare()
    if folder is None:
        report.skip('chromium', why)
        return
    with tempfile.TemporaryDirectory(prefix='tessera-theme-') as theme:
        server = 'theme-directory=%s\n' % make_theme(theme)
        report.run(walk, folder, server=server)
        report.run(walk_account, folder, theme, server=server)


report = Report()
if report.finds('chromium', 'msgfmt'):
    run(report)
report.end()
