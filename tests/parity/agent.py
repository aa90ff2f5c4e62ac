#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the example clients start as a browser: a person who logs in as user/secret and decides.

AGENT_DECISION is allow or deny; AGENT_LOG a file that receives the titles of the pages seen."""

import os
import sys
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from browser import Browser


def note(response):
    if response.status == 200 and 'AGENT_LOG' in os.environ:
        with open(os.environ['AGENT_LOG'], 'a') as log:
            log.write(response.page.title.strip() + '\n')


def main():
    url = sys.argv[1]
    split = urllib.parse.urlsplit(url)
    browser = Browser('%s://%s' % (split.scheme, split.netloc))
    response = browser.open(url)
    note(response)
    if response.status == 200 and response.page.form_with('password'):
        response = browser.login(response, 'user', 'secret')
        note(response)
    if response.status == 200 and response.page.form_with('decision'):
        response = browser.decide(response, os.environ.get('AGENT_DECISION', 'allow'))
    if response.location is None:
        sys.exit('the browser is stuck at %r' % response)
    urllib.request.urlopen(response.location, timeout=30).read()


main()
