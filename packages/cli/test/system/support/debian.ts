import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

// By these names there always are some.
const SUITES = ['oldstable', 'stable', 'unstable'];

/** Packages of several suites of Debian, from the mirror that this machine uses. The machine's own lists stay as they are. */
export class DebianArchive {
  readonly #directory = mkdtempSync(join(tmpdir(), 'vitrine-debian-'));

  constructor() {
    const lists = join(this.#directory, 'lists', 'partial');
    const archives = join(this.#directory, 'cache', 'archives', 'partial');
    for (const needed of [lists, archives]) mkdirSync(needed, { recursive: true });
    const lines = SUITES.map((suite) => `deb [signed-by=${KEYRING}] ${mirror()} ${suite} main\n`);
    writeFileSync(join(this.#directory, 'sources.list'), lines.join(''));
    this.#apt('apt-get', 'update', '-q');
  }

  /** The versions of a package in these suites, the oldest first. */
  versions(name: string): string[] {
    const lines = this.#apt('apt-cache', 'madison', name).trimEnd().split('\n');
    // The newest is first, and a version is listed for each suite that has it.
    return [...new Set(lines.map((line) => line.split('|')[1]!.trim()))].reverse();
  }

  /** Downloads a package and unpacks it, without installing it. Its root directory. */
  unpack(name: string, version: string): string {
    const root = mkdtempSync(join(this.#directory, `${name}-`));
    this.#apt('apt-get', 'download', '-q', `${name}=${version}`);
    const [file] = readdirSync(this.#directory).filter((entry) => entry.endsWith('.deb'));
    const path = join(this.#directory, file!);
    execFileSync('dpkg-deb', ['-x', path, root]);
    rmSync(path);
    return root;
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #apt(program: string, ...args: string[]): string {
    const settings = {
      'Dir::Etc::SourceList': join(this.#directory, 'sources.list'),
      'Dir::Etc::SourceParts': '/dev/null',
      'Dir::State::Lists': join(this.#directory, 'lists'),
      'Dir::Cache': join(this.#directory, 'cache'),
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
      'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return execFileSync(program, [...options, ...args], {
      cwd: this.#directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }
}

/** Where this machine gets Debian from. */
function mirror(): string {
  const sources = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const found = sources.split('\n').find((uri) => /\/debian\/?$/.test(uri));
  if (found === undefined) throw new Error(`none of this machine's package sources is Debian's archive:\n${sources}`);
  return found;
}
