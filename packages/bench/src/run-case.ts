import { CASES } from './cases/index.ts';

// One case in a process of its own, so that its peak memory is its own. Prints one line of JSON.
const [name = '', count = ''] = process.argv.slice(2);
const measure = CASES[name];
if (measure === undefined) throw new Error(`no case ${name}`);
const measured = await measure(Number(count));
console.log(JSON.stringify({ ...measured, peakMegabytes: process.resourceUsage().maxRSS / 1000 }));
