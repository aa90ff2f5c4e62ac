#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The person at the browser, for clients that start one.

usage: agent.py AUTHORIZATION-URL REDIRECT-PREFIX

Signs in as OP_USER with OP_PASSWORD, allows (OP_DENY=1: denies), lets itself be signed out where it is asked, and
prints where the browser was sent, and what it posts there if that is what it does. With AGENT_JAR=FILE the browser is one that keeps its cookies there.
Exit status 3 and the page on standard error when it was not sent to REDIRECT-PREFIX."""
import json
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from browser import Browser


def new_browser(url):
    split = urllib.parse.urlsplit(url)
    return Browser('%s://%s' % (split.scheme, split.netloc))


def sign_out(browser, answer):
    """Says yes to the question, if that is what @answer asks."""
    asks = answer.status == 200 and any(attributes.get('id') == 'logout' for _, attributes in answer.page.elements)
    return browser.submit(answer, answer.page.form_with('csrf')) if asks else answer


def posted_form(answer, prefix):
    """With response_mode=form_post: the address and what is posted there, or None."""
    forms = [form for form in answer.page.forms if form.action.startswith(prefix)] if answer.status == 200 else []
    return '%s %s' % (forms[0].action, urllib.parse.urlencode(forms[0].values())) if forms else None


def walk(url, prefix, browser=None):
    """@browser: one that was here before."""
    browser = browser or new_browser(url)
    decision = 'deny' if os.environ.get('OP_DENY') == '1' else 'allow'
    answer = browser.authorize(url, os.environ['OP_USER'], os.environ['OP_PASSWORD'], decision)
    answer = sign_out(browser, answer)
    posted = posted_form(answer, prefix)
    if posted:
        return 0, posted
    if answer.location and answer.location.startswith(prefix):
        return 0, answer.location
    return 3, 'HTTP %d at %s: %s' % (answer.status, answer.url, ' '.join(answer.page.text.split())[:400])


def walk_with_jar(url, prefix, jar):
    browser = new_browser(url)
    if os.path.exists(jar):
        with open(jar, encoding='utf-8') as file:
            browser.cookies = json.load(file)
    result = walk(url, prefix, browser)
    with open(jar, 'w', encoding='utf-8') as file:
        json.dump(browser.cookies, file)
    return result


if __name__ == '__main__':
    jar = os.environ.get('AGENT_JAR')
    status, said = walk_with_jar(sys.argv[1], sys.argv[2], jar) if jar else walk(sys.argv[1], sys.argv[2])
    print(said, file=sys.stderr if status else sys.stdout)
    sys.exit(status)
