import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the licences of the libraries in the modules ask for. */
export function noticesOf(moduleIds) {
  const found = moduleIds.flatMap((id) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0] ?? []);
  const notices = [...new Set(found)].sort().map((path) => {
    const { name, version, license, homepage } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
    const file = readdirSync(path).find((one) => /^licen[cs]e/i.test(one));
    // Some packages name theirs and leave the text out.
    const text =
      file === undefined ? `Licence: ${license}. ${homepage}` : readFileSync(join(path, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  return notices.join('\n\n');
}
