// SPDX-License-Identifier: LGPL-2.1-or-later
// Chromium, driven by playwright-core, and how a page is judged: by axe-core and by a look.
import { env, tap } from './lib.mjs';
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WAIT = 60_000;

const browser = await chromium.launch({
  executablePath: env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

export const complaints = [];

/** A browser of its own: no cookies yet. */
export async function open(options = {}) {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error}`));
  page.on('console', (said) => said.type() === 'error' && !/status of 4\d\d/.test(said.text()) && complaints.push(`${page.url()}: ${said.text()}`));
  return page;
}

export const fillIn = async (page, password = env.OP_PASSWORD, username = env.OP_USER) => {
  await page.fill('#username', username);
  await page.fill('#password', password);
};
export async function signIn(page, password, username) {
  await fillIn(page, password, username);
  await page.click('#login');
}

export function need(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

/** Waits until the browser is where `isThere` says. What leads there may be given up on the way, as the first of two
 * clicks is; page.waitForURL () takes that for a failure. */
export async function reach(page, isThere) {
  const limit = Date.now() + WAIT;
  while (!isThere(new URL(page.url()))) {
    need(Date.now() < limit, `the browser stays at ${page.url()}`);
    await page.waitForTimeout(20);
  }
  await page.waitForLoadState();
  return new URL(page.url());
}

export const shoot = (page, what) => page.screenshot({ path: `${env.SCREENS}/${what}.png`, fullPage: true });

/** Judged by axe-core and by what it does not measure; and kept as a picture. Needs a context with bypassCSP,
 * since our policy forbids the script that axe is. */
export async function judge(page, what, language = 'en') {
  await shoot(page, what);
  const found = await page.evaluate(`${axe}; axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).join(' ')))`);
  const more = await page.evaluate(() => {
    const root = document.documentElement;
    const low = [...document.querySelectorAll('a, button, input:not([type=hidden], [hidden])')].filter((e) => e.getBoundingClientRect().height < 43.5);
    return { lang: root.lang, dir: root.dir, wide: root.scrollWidth > root.clientWidth, low: low.map((e) => e.outerHTML) };
  });
  if (more.wide) found.push('the page scrolls sideways');
  if (more.low.length) found.push(`lower than 44 px: ${more.low.join(' ')}`);
  if (more.lang !== language) found.push(`the page is in ${more.lang}`);
  if (more.dir !== (language === 'ar' ? 'rtl' : 'ltr')) found.push(`the direction is ${more.dir}`);
  tap(found.length === 0, `${what}: axe finds nothing, nothing runs over, targets are 44 px high`, found.join('\n'));
}

export const focused = (page) => page.evaluate(() => document.activeElement.id);

/** The browser sets it a moment after the page is there. */
export async function needFocus(page, id) {
  try {
    await page.waitForFunction((wanted) => document.activeElement?.id === wanted, id);
  } catch {
    throw new Error(`the focus is on ${await focused(page)}`);
  }
}

/** Presses Tab until the element has the focus, which must be seen on the way. */
export async function tabTo(page, id) {
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    });
    need(outline, `one does not see the focus on ${await focused(page)}`);
    if ((await focused(page)) === id) return;
  }
  throw new Error(`Tab does not lead to ${id}`);
}

/** Moves the time of the service. */
export function advance(seconds) {
  const file = openSync(env.CLOCK, 'r+');
  const offset = new BigInt64Array(1);
  readSync(file, offset, 0, 8, 0);
  offset[0] += BigInt(seconds * 1000);
  writeSync(file, offset, 0, 8, 0);
  closeSync(file);
}

export const LOOKS = {
  light: {},
  dark: { colorScheme: 'dark' },
  forced: { forcedColors: 'active' },
  'forced-dark': { forcedColors: 'active', colorScheme: 'dark' },
  narrow: { viewport: { width: 320, height: 640 } }, // also 1280 px at 400 %
  german: { locale: 'de-DE', language: 'de' },
  chinese: { locale: 'zh-CN', language: 'zh-CN' },
  'right-to-left': { locale: 'ar', language: 'ar' },
  'right-to-left-narrow': { locale: 'ar', language: 'ar', viewport: { width: 320, height: 640 }, colorScheme: 'dark' },
};

export const end = () => browser.close();
