// SPDX-License-Identifier: LGPL-2.1-or-later
// The pages as a person meets them: Chromium, driven by playwright-core, judged by axe-core.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { env, tap, step, done } from './lib.mjs';

process.env.LIB = 'chromium: ';
const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const redirect = env('REDIRECT_URI');
const browser = await chromium.launch({
  executablePath: env('CHROMIUM'),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// A context whose redirect to the client ends at a page of ours instead of a refused connection.
async function open(options = {}) {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  const page = await context.newPage();
  await page.route((url) => url.href.startsWith(redirect), (route) => route.fulfill({ body: 'back at the client', contentType: 'text/plain' }));
  return page;
}
// No state is kept between flows: a challenge is good for one code, so each flow has another one.
let flows = 0;
const url = () => {
  const address = new URL(env('URL'));
  const challenge = address.searchParams.get('code_challenge');
  address.searchParams.set('code_challenge', challenge.slice(0, 40) + String(flows++).padStart(3, '0'));
  return address.href;
};
async function judge(page, name) {
  const violations = await page.evaluate(axe + '; axe.run().then((r) => r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html).join(" ")))');
  tap(violations.length === 0, `axe finds nothing on the ${name} page`, violations.join(' | '));
}
const shot = (page, name) => page.screenshot({ path: `${env('SCREENS')}/${name}.png`, fullPage: true });
async function signIn(page, password = env('OP_PASSWORD')) {
  await page.fill('#username', env('OP_USER'));
  await page.fill('#password', password);
  await page.click('#login');
}

await step('login, consent and redirect by mouse', async () => {
  const page = await open();
  await page.goto(url());
  await signIn(page);
  await page.click('#allow');
  await page.waitForURL((u) => u.href.startsWith(redirect));
  const back = new URL(page.url());
  return back.searchParams.get('code') !== null && back.searchParams.get('state') === 'S' && back.searchParams.get('iss') === env('ISSUER');
});

await step('the whole flow by keyboard alone', async () => {
  const page = await open();
  await page.goto(url());
  await page.locator('#username').focus();
  await page.keyboard.type(env('OP_USER'));
  await page.keyboard.press('Tab');
  await page.keyboard.type(env('OP_PASSWORD'));
  await page.keyboard.press('Enter');
  await page.waitForSelector('#allow');
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.id) === 'allow') break;
  }
  await page.keyboard.press('Enter');
  await page.waitForURL((u) => u.href.startsWith(redirect));
  return new URL(page.url()).searchParams.get('code') !== null;
});

await step('works with JavaScript switched off', async () => {
  const page = await open({ javaScriptEnabled: false });
  await page.goto(url());
  await signIn(page);
  await page.click('#deny');
  await page.waitForURL((u) => u.href.startsWith(redirect));
  return new URL(page.url()).searchParams.get('error') === 'access_denied';
});

await step('after a wrong password the focus is on the error summary and the title says so', async () => {
  const page = await open();
  await page.goto(url());
  await signIn(page, 'wrong');
  await page.waitForSelector('#error');
  const focused = await page.evaluate(() => document.activeElement.id === 'error' || document.activeElement.closest('#error') !== null);
  await shot(page, 'login-failed');
  return focused && /error/i.test(await page.title()) && await page.inputValue('#username') === env('OP_USER');
});

await step('back, reload and a double submit do no harm', async () => {
  const page = await open();
  await page.goto(url());
  await signIn(page);
  await page.waitForSelector('#allow');
  await page.reload();
  await page.waitForSelector('#allow');
  await page.goBack();
  await page.goForward();
  await page.waitForSelector('#allow');
  await page.dblclick('#allow');
  await page.waitForURL((u) => u.href.startsWith(redirect));
  return new URL(page.url()).searchParams.get('code') !== null;
});

// axe needs to run a script, which our policy forbids: only here it is set aside.
for (const [name, options] of Object.entries({
  light: {}, dark: { colorScheme: 'dark' }, forced: { forcedColors: 'active' }, narrow: { viewport: { width: 320, height: 640 } },
  german: { locale: 'de-DE' }, chinese: { locale: 'zh-CN' },
})) {
  await step(`the pages in ${name}`, async () => {
    const page = await open({ bypassCSP: true, ...options });
    await page.goto(url());
    await shot(page, `login-${name}`);
    await judge(page, `login (${name})`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    if (wide) throw new Error('scrolls sideways');
    const small = await page.evaluate(() => [...document.querySelectorAll('button, input:not([type=hidden])')].filter((e) => e.getBoundingClientRect().height < 44).map((e) => e.outerHTML));
    if (small.length) throw new Error('lower than 44 px: ' + small.join(' '));
    await signIn(page);
    await page.waitForSelector('#allow');
    await shot(page, `consent-${name}`);
    await judge(page, `consent (${name})`);
  });
}

await step('error and sign-out pages', async () => {
  const page = await open({ bypassCSP: true });
  await page.goto(env('ISSUER') + '/authorize?client_id=nobody');
  await shot(page, 'error');
  await judge(page, 'error');
  await page.goto(url());
  await signIn(page);
  await page.waitForSelector('#allow');
  await page.goto(env('ISSUER') + '/logout');
  await shot(page, 'logout');
  await judge(page, 'sign-out');
  await page.click('button');
  await page.waitForLoadState();
  await shot(page, 'signed-out');
  await judge(page, 'signed-out');
});
await browser.close();
done();
