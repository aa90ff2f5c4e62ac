// SPDX-License-Identifier: LGPL-2.1-or-later
// The reader for Node as a program: a line of JSON for each line (check TOKEN AUDIENCE, move MILLISECONDS, state).
import { createInterface } from 'node:readline'
const { Issuer, Checker } = await import(`${process.env.READERS}/node/tokens.mjs`)

let offset = 0
const issuer = await Issuer.find(...process.argv.slice(2))
const checker = new Checker(issuer, { now: () => Date.now() + offset })
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...words] = line.split(' ')
  let answer = {}
  if (command === 'move') {
    offset += Number(words[0])
  } else if (command === 'check') {
    answer = await checker.check(...words).then(({ sub }) => ({ sub }), (error) => ({ refused: error.message }))
  } else {
    const copy = checker.denyList
    answer = { age: copy.age(), generation: copy.generation, list: copy.list, entries: copy.entries.size }
  }
  console.log(JSON.stringify(answer))
}
process.exit()
