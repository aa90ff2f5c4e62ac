#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The person at the browser, for clients that start one.

usage: agent.py AUTHORIZATION-URL REDIRECT-PREFIX

Signs in as OP_USER with OP_PASSWORD, allows (OP_DENY=1: denies), prints where the browser was sent.
Exit status 3 and the page on standard error when it was not sent to REDIRECT-PREFIX."""
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from browser import Browser


def new_browser(url):
    split = urllib.parse.urlsplit(url)
    return Browser('%s://%s' % (split.scheme, split.netloc))


def walk(url, prefix, browser=None):
    """@browser: one that was here before."""
    browser = browser or new_browser(url)
    decision = 'deny' if os.environ.get('OP_DENY') == '1' else 'allow'
    answer = browser.authorize(url, os.environ['OP_USER'], os.environ['OP_PASSWORD'], decision)
    if answer.location and answer.location.startswith(prefix):
        return 0, answer.location
    return 3, 'HTTP %d at %s: %s' % (answer.status, answer.url, ' '.join(answer.page.text.split())[:400])


if __name__ == '__main__':
    status, said = walk(sys.argv[1], sys.argv[2])
    print(said, file=sys.stderr if status else sys.stdout)
    sys.exit(status)
