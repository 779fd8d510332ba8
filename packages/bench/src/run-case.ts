import { readFileSync } from 'node:fs';
import { CASES } from './cases/index.ts';

// One case in a process of its own, so that its peak memory is its own. Prints one line of JSON.

/** Memory that is the process's own, in kB; the rest of what is resident are pages of files, which LevelDB maps. Linux only. */
function anonymousMemory(): number {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? Number.NaN);
  } catch {
    return Number.NaN;
  }
}

const [name = '', count = ''] = process.argv.slice(2);
const measure = CASES[name];
if (measure === undefined) throw new Error(`no case ${name}`);
let anonymous = anonymousMemory();
const sampling = setInterval(() => {
  anonymous = Math.max(anonymous, anonymousMemory());
}, 20);
const measured = await measure(Number(count));
clearInterval(sampling);
console.log(
  JSON.stringify({
    ...measured,
    ownMegabytes: anonymous / 1000,
    peakMegabytes: process.resourceUsage().maxRSS / 1000,
  }),
);
