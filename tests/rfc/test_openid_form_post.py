#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenID Foundation's form_post plan: the basic plan, answered by a form that posts itself."""

import openid_basic_plan
from tap import main

openid_basic_plan.register('form_post')

if __name__ == '__main__':
    main(openid_basic_plan.service)
