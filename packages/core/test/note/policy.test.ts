import { describe, expect, it } from 'vitest';
import { formatPolicy } from '../../src/note/format-policy.ts';
import { displayOctets } from '../../src/note/octets.ts';
import { parsePolicy } from '../../src/note/parse-policy.ts';
import { MAX_POLICY_ENTRIES, MAX_POLICY_SIZE, type Policy } from '../../src/note/policy.ts';
import { quorumSatisfied, quorumSize } from '../../src/note/quorum.ts';
import { formatVkey, keyId } from '../../src/note/vkey.ts';
import { codeOf, errorOf, keyOf, LOG, LOG_ML_DSA, text, utf8 } from './fixtures.ts';

const parse = (policy: string): Policy => parsePolicy(utf8(policy));
const vkey = (keyName: string, type: number, n: number): string => formatVkey(keyOf(keyName, type, n).vkey);

/** A made-up Ed25519 key: no policy looks at the point. */
function madeUp(keyName: string, type: number, n: number): string {
  const publicKey = new Uint8Array(32);
  new DataView(publicKey.buffer).setUint32(0, n);
  return formatVkey({ keyName, keyId: keyId(keyName, type, publicKey), type, publicKey });
}

const LOG_KEY = formatVkey(LOG.vkey);
const X1 = madeUp('x1', 4, 1);
const X2 = madeUp('x2', 4, 2);
const X3 = madeUp('x3', 4, 3);
const Y1 = madeUp('y1', 4, 4);
const Y2 = madeUp('y2', 4, 5);
const Y3 = madeUp('y3', 4, 6);

const EXAMPLE = `log ${LOG_KEY}

witness X1 ${X1}
witness X2 ${X2}
witness X3 ${X3}
group X-witnesses 2 X1 X2 X3

witness Y1 ${Y1}
witness Y2 ${Y2}
witness Y3 ${Y3}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;
const WITNESSES = `witness a ${X1}\nwitness b ${X2}\nwitness c ${X3}\n`;

describe('a policy', () => {
  it('is read: the example of tlog-policy', () => {
    const policy = parse(EXAMPLE);
    expect(policy.logs).toEqual([{ key: LOG.vkey }]);
    expect(policy.witnesses.map(({ name }) => name)).toEqual(['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3']);
    expect(policy.groups).toEqual([
      { name: 'X-witnesses', threshold: 2, members: ['X1', 'X2', 'X3'] },
      { name: 'Y-witnesses', threshold: 1, members: ['Y1', 'Y2', 'Y3'] },
      { name: 'X-and-Y', threshold: 2, members: ['X-witnesses', 'Y-witnesses'] },
    ]);
    expect(policy.quorum).toBe('X-and-Y');
  });

  it('may have no logs and no witnesses', () => {
    expect(parse('quorum none\n')).toEqual({ logs: [], witnesses: [], groups: [], quorum: 'none' });
  });

  it('may have URLs', () => {
    const policy = parse(`log ${LOG_KEY} https://log.example/\nwitness a ${X1} https://w.example/\nquorum a\n`);
    expect(policy.logs[0]?.url).toBe('https://log.example/');
    expect(policy.witnesses[0]?.url).toBe('https://w.example/');
  });

  it('may have a witness as its quorum, and lines after it', () => {
    expect(parse(`witness a ${X1}\nquorum a\nwitness b ${X2}\nlog ${LOG_KEY}\ngroup g any b\n`).quorum).toBe('a');
  });

  it('may have spaces and tabs around and between items, empty lines and comments', () => {
    const policy = parse(`\n \t \n# comment\n\t # comment\n \t witness\t a  \t${X1} \t\nquorum a\t\n#\n`);
    expect(policy).toEqual(parse(`witness a ${X1}\nquorum a\n`));
  });

  it('may name things as it likes', () => {
    const policy = parse(`witness all ${X1}\nwitness #b ${X2}\nwitness any ${X3}\ngroup 2 2 all #b any\nquorum 2\n`);
    expect(policy.groups).toEqual([{ name: '2', threshold: 2, members: ['all', '#b', 'any'] }]);
  });

  it('may have a key in two roles, as log and as witness', () => {
    const key = vkey('example.com/log', 6, 61);
    expect(codeOf(() => parse(`log ${key}\nwitness a ${key}\nquorum a\n`))).toBe('accepted');
  });

  it('may have several keys of one log, and a log key of type 0x06', () => {
    const policy = parse(`log ${LOG_KEY}\nlog ${formatVkey(LOG_ML_DSA.vkey)}\nquorum none\n`);
    expect(policy.logs.map(({ key }) => key.type)).toEqual([1, 6]);
  });

  it('compares names octet by octet: K is not the Kelvin sign', () => {
    const kelvin = '\u212a';
    const policy = parse(`witness K ${X1}\nwitness ${kelvin} ${X2}\ngroup g all K ${kelvin}\nquorum g\n`);
    expect(policy.witnesses.map(({ name }) => name)).toEqual(['K', '\xe2\x84\xaa']);
  });

  it('may have octets that are not UTF-8 in names, URLs and comments', () => {
    const line = (...parts: (string | number[])[]) => parts.flatMap((p) => (typeof p === 'string' ? [...utf8(p)] : p));
    const bytes = Uint8Array.from([
      ...line('# ', [0x80, 0xff], '\n'),
      ...line('witness ', [0xff, 0x80], ` ${X1} `, [0xfe], '\n'),
      ...line('quorum ', [0xff, 0x80], '\n'),
    ]);
    const policy = parsePolicy(bytes);
    expect(policy.witnesses[0]).toMatchObject({ name: '\xff\x80', url: '\xfe' });
    expect(parsePolicy(formatPolicy(policy))).toEqual(policy);
  });

  it('may have key names outside ASCII', () => {
    const policy = parse(`witness a ${madeUp('Ünïcode', 4, 1)}\nquorum a\n`);
    expect(policy.witnesses[0]?.key.keyName).toBe('Ünïcode');
    expect(parsePolicy(formatPolicy(policy))).toEqual(policy);
  });

  const refused: readonly (readonly [what: string, policy: string, line: number])[] = [
    ['without a quorum line', `log ${LOG_KEY}\n`, 2],
    ['that is empty', '', 1],
    ['with two quorum lines', 'quorum none\nquorum none\n', 2],
    ['with a quorum that is not defined', 'quorum a\n', 1],
    ['with a quorum that is defined later', `quorum a\nwitness a ${X1}\n`, 1],
    ['with a quorum of two names', `${WITNESSES}quorum a b\n`, 4],
    ['with a quorum of nothing', 'quorum\n', 1],
    ['without a last newline', 'quorum none', 1],
    ['without a newline after its last comment', 'quorum none\n# more', 2],
    ['with an unknown keyword', 'quorum none\nwitnesses a\n', 2],
    ['with a keyword in upper case', 'QUORUM none\n', 1],
    ['with a carriage return', 'quorum none\r\n', 1],
    ['with a zero byte in a comment', '\n# \0\nquorum none\n', 2],
    ['with a delete character', '\n\n# \u007f\nquorum none\n', 3],
    ['with a form feed', '\fquorum none\n', 1],
    ['with a no-break space for a space', 'quorum\u00a0none\n', 1],
    ['with a comment after a line', 'quorum none # really\n', 1],
    ['with a log without a key', 'log\nquorum none\n', 1],
    ['with a log of three items', `log ${LOG_KEY} url more\nquorum none\n`, 1],
    ['with a log’s key that is broken', `log ${LOG_KEY.slice(0, -1)}\nquorum none\n`, 1],
    ['with a log’s key of another ID', `log ${LOG_KEY.replace('9be5d3c6', '9be5d3c7')}\nquorum none\n`, 1],
    ['with a log’s key of type 0x04', `log ${X1}\nquorum none\n`, 1],
    ['with a log’s key of an unknown type', 'log name+00000001+QgE=\nquorum none\n', 1],
    ['with a witness without a name', `witness ${X1}\nquorum none\n`, 1],
    ['with a witness of four items', `witness a ${X1} url more\nquorum none\n`, 1],
    ['with a witness’s key of type 0x01', `witness a ${LOG_KEY}\nquorum none\n`, 1],
    ['with a witness’s key of an unknown type', 'witness a name+00000001+QgE=\nquorum none\n', 1],
    ['with the same log twice', `log ${LOG_KEY}\nlog ${LOG_KEY}\nquorum none\n`, 2],
    ['with one key for two logs', `log ${madeUp('a', 1, 1)}\nlog ${madeUp('b', 1, 1)}\nquorum none\n`, 2],
    [
      'with one key for two witnesses',
      `witness a ${madeUp('a', 4, 1)}\nwitness b ${madeUp('b', 4, 1)}\nquorum none\n`,
      2,
    ],
    ['with one name for two witnesses', `witness a ${X1}\nwitness a ${X2}\nquorum none\n`, 2],
    ['with one name for a witness and a group', `${WITNESSES}group a any b\nquorum none\n`, 4],
    ['with one name for a group and a witness', `witness b ${X2}\ngroup a any b\nwitness a ${X1}\nquorum none\n`, 3],
    ['with one name for two groups', `${WITNESSES}group g any a\ngroup g any b\nquorum none\n`, 5],
    ['with a witness called none', `witness none ${X1}\nquorum none\n`, 1],
    ['with a group called none', `${WITNESSES}group none any a\nquorum none\n`, 4],
    ['with none in a group', `${WITNESSES}group g any a none\nquorum none\n`, 4],
    ['with a group without members', `${WITNESSES}group g any\nquorum none\n`, 4],
    ['with a group without a threshold', `${WITNESSES}group g\nquorum none\n`, 4],
    ['with a group of something undefined', `${WITNESSES}group g any d\nquorum none\n`, 4],
    ['with a group of something defined later', `group g any a\n${WITNESSES}quorum none\n`, 1],
    ['with a group in itself', `${WITNESSES}group g any g\nquorum none\n`, 4],
    ['with a member twice in a group', `${WITNESSES}group g 2 a a\nquorum none\n`, 4],
    ['with a witness in two groups', `${WITNESSES}group g all a b\ngroup h all b c\nquorum none\n`, 5],
    ['with a group in two groups', `${WITNESSES}group g any a\ngroup h any g\ngroup i all g b\nquorum none\n`, 6],
    ['with the threshold 0', `${WITNESSES}group g 0 a b\nquorum none\n`, 4],
    ['with a threshold above the members', `${WITNESSES}group g 3 a b\nquorum none\n`, 4],
    ['with a threshold with a leading zero', `${WITNESSES}group g 01 a b\nquorum none\n`, 4],
    ['with a threshold with a sign', `${WITNESSES}group g +1 a b\nquorum none\n`, 4],
    ['with a threshold in hex', `${WITNESSES}group g 0x1 a b\nquorum none\n`, 4],
    ['with a threshold that is no number', `${WITNESSES}group g most a b\nquorum none\n`, 4],
    ['with ALL for all', `${WITNESSES}group g ALL a b\nquorum none\n`, 4],
  ];
  for (const [what, policy, line] of refused) {
    it(`is refused ${what}, naming line ${line}`, () => {
      const error = errorOf(() => parse(policy));
      expect(error?.code).toBe('policy-malformed');
      expect(error?.message).toMatch(new RegExp(`^line ${line}: `));
    });
  }

  it('is refused with a key name that is not UTF-8', () => {
    const bytes = utf8(`log ?${LOG_KEY}\nquorum none\n`);
    bytes[4] = 0xff;
    expect(errorOf(() => parsePolicy(bytes))?.message).toContain('UTF-8');
  });

  it('may have as many logs, witnesses and groups as its limit, which is at least 32', () => {
    expect(MAX_POLICY_ENTRIES).toBeGreaterThanOrEqual(32);
    const lines = (n: number, line: (i: number) => string) =>
      Array.from({ length: n }, (_, i) => `${line(i)}\n`).join('');
    const witness = (i: number) => `witness w${i} ${madeUp('w', 4, i)}`;
    const all = lines(MAX_POLICY_ENTRIES, witness);
    for (const [head, line] of [
      ['', (i: number) => `log ${madeUp('o', 1, i)}`],
      ['', witness],
      [all, (i: number) => `group g${i} any w${i}`],
    ] as const) {
      expect(codeOf(() => parse(`${head}${lines(MAX_POLICY_ENTRIES, line)}quorum none\n`))).toBe('accepted');
    }
    for (const line of [(i: number) => `log ${madeUp('o', 1, i)}`, witness]) {
      expect(codeOf(() => parse(`${lines(MAX_POLICY_ENTRIES + 1, line)}quorum none\n`))).toBe('policy-malformed');
    }
    const chain = (i: number) => `group g${i} any ${i === 0 ? 'w0' : `g${i - 1}`}`;
    expect(codeOf(() => parse(`${all}${lines(MAX_POLICY_ENTRIES, chain)}quorum g255\n`))).toBe('accepted');
    const tooMany = `${all}${lines(MAX_POLICY_ENTRIES + 1, chain)}quorum none\n`;
    expect(errorOf(() => parse(tooMany))?.message).toContain('at most 256 groups');
  });

  it('is refused by its first bad line, whatever follows', () => {
    expect(errorOf(() => parse(`quorum none\nbad\n\0`))?.message).toMatch(/^line 2: expected a line/);
  });

  it('is refused with an item of more than 4096 octets, which comments may have', () => {
    const named = (n: number) => `witness ${'n'.repeat(n)} ${X1}\nquorum none\n`;
    expect(codeOf(() => parse(named(4096)))).toBe('accepted');
    expect(errorOf(() => parse(named(4097)))?.message).toBe('line 1: an item has at most 4096 octets, found 4097');
    expect(codeOf(() => parse(`# ${'n'.repeat(5000)}\nquorum none\n`))).toBe('accepted');
  });

  it('may have a group of everything, and no line with more items', () => {
    const items = (n: number) => `group g any${' w'.repeat(n - 3)}\n`;
    const most = 3 + 2 * MAX_POLICY_ENTRIES;
    expect(errorOf(() => parse(items(most)))?.message).toBe('line 1: member 1 is not defined on an earlier line');
    expect(errorOf(() => parse(items(most + 1)))?.message).toBe(`line 1: a line has at most ${most} items`);
  });

  it('says that none cannot be a member', () => {
    expect(errorOf(() => parse(`${WITNESSES}group g any none\nquorum none\n`))?.message).toContain('group member');
  });

  it('is refused beyond its largest size', () => {
    const head = 'quorum none\n#';
    const fits = `${head}${'x'.repeat(MAX_POLICY_SIZE - head.length - 1)}\n`;
    expect(codeOf(() => parse(fits))).toBe('accepted');
    expect(codeOf(() => parse(fits.replace('#', '##')))).toBe('policy-malformed');
  });
});

describe('a policy that is written', () => {
  it('is in canonical form', () => {
    expect(text(formatPolicy(parse(EXAMPLE)))).toBe(
      `log ${LOG_KEY}
witness X1 ${X1}
witness X2 ${X2}
witness X3 ${X3}
witness Y1 ${Y1}
witness Y2 ${Y2}
witness Y3 ${Y3}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`,
    );
    expect(parsePolicy(formatPolicy(parse(EXAMPLE)))).toEqual(parse(EXAMPLE));
  });

  const policy = parse(`witness a ${X1}\nwitness b ${X2}\ngroup g all a b\nquorum g\n`);
  const [a, b] = policy.witnesses;
  const [g] = policy.groups;
  const bad: readonly (readonly [string, Partial<Policy>])[] = [
    ['a name with a space', { witnesses: [{ ...a!, name: 'a b' }], groups: [], quorum: 'none' }],
    ['an empty name', { witnesses: [{ ...a!, name: '' }], groups: [], quorum: 'none' }],
    ['a name beyond octets', { witnesses: [{ ...a!, name: '\u0100' }], groups: [], quorum: 'none' }],
    ['a URL with a newline', { witnesses: [{ ...a!, url: `u\nwitness c ${X3}` }, b!] }],
    ['an empty URL', { witnesses: [{ ...a!, url: '' }, b!] }],
    ['a threshold above its members', { groups: [{ ...g!, threshold: 3 }] }],
    ['a threshold of 0', { groups: [{ ...g!, threshold: 0 }] }],
    ['a threshold that is no integer', { groups: [{ ...g!, threshold: 1.5 }] }],
    ['a group without members', { groups: [{ ...g!, members: [] }] }],
    ['a quorum that is not defined', { quorum: 'h' }],
    ['a log’s key of type 0x04', { logs: [{ key: a!.key }] }],
  ];
  for (const [what, change] of bad) {
    it(`is refused with ${what}`, () => {
      expect(codeOf(() => formatPolicy({ ...policy, ...change }))).toBe('policy-malformed');
    });
  }
});

describe('a quorum', () => {
  const satisfied = (policy: Policy, ...names: string[]): boolean => quorumSatisfied(policy, new Set(names));

  it('of the example needs two of X and one of Y', () => {
    const policy = parse(EXAMPLE);
    expect(satisfied(policy, 'X1', 'X3', 'Y2')).toBe(true);
    expect(satisfied(policy, 'X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3')).toBe(true);
    expect(satisfied(policy, 'X1', 'Y1', 'Y2', 'Y3')).toBe(false);
    expect(satisfied(policy, 'X1', 'X2', 'X3')).toBe(false);
    expect(satisfied(policy)).toBe(false);
  });

  it('of none is satisfied by nothing', () => {
    expect(satisfied(parse('quorum none\n'))).toBe(true);
  });

  it('of one witness needs that witness', () => {
    const policy = parse(`${WITNESSES}quorum b\n`);
    expect(satisfied(policy, 'b')).toBe(true);
    expect(satisfied(policy, 'a', 'c')).toBe(false);
  });

  it('is not satisfied by the names of groups, or names that the policy does not have', () => {
    const policy = parse(EXAMPLE);
    expect(satisfied(policy, 'X-and-Y', 'X-witnesses', 'Y-witnesses', 'Z', 'none')).toBe(false);
  });
});

describe('octets for people', () => {
  it('are shown as UTF-8 where they are visible', () => {
    expect(displayOctets('name')).toBe('name');
    expect(displayOctets('\xc3\xa9')).toBe('é');
  });

  it('are escaped where they are not UTF-8, or could act on a terminal', () => {
    expect(displayOctets('a\xff')).toBe('a\\xff');
    expect(displayOctets('\xc2\x9b31m')).toBe('\\xc2\\x9b31m');
    expect(displayOctets('\xe2\x80\xae')).toBe('\\xe2\\x80\\xae');
    expect(displayOctets('\\xff')).toBe('\\x5cxff');
  });
});

describe('the size of a quorum', () => {
  const witnesses = [X1, X2, X3, Y1, Y2].map((key, i) => `witness w${i} ${key}\n`).join('');

  it.each([
    [0, 'quorum none\n'],
    [1, 'quorum w3\n'],
    [2, 'group g 2 w0 w1 w2\nquorum g\n'],
    [5, 'group g all w0 w1 w2 w3 w4\nquorum g\n'],
    // The single one is cheaper than the pair.
    [1, 'group pair all w0 w1\ngroup g any pair w2\nquorum g\n'],
    [2, 'group three all w0 w1 w2\ngroup pair all w3 w4\ngroup g any three pair\nquorum g\n'],
    [5, 'group three all w0 w1 w2\ngroup pair all w3 w4\ngroup g all three pair\nquorum g\n'],
  ])('is %i witnesses', (size, lines) => {
    expect(quorumSize(parse(`${witnesses}${lines}`))).toBe(size);
  });
});
