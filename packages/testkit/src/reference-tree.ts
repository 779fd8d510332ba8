import { createHash } from 'node:crypto';

// Written straight from the recursive definitions, with another SHA-256 call than the code under test, and no sharing
// with it: slow, obvious, and the judge of everything else.

const sha256 = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

/** k, the largest power of two smaller than n. RFC 6962, section 2.1. */
function split(n: number): number {
  let k = 1;
  while (k << 1 < n) k <<= 1;
  return k;
}

/** The tree over a list of entries, by RFC 6962, section 2.1, and draft-ietf-plants-merkle-tree-certs, section 4. */
export class ReferenceTree {
  readonly #leaves: Uint8Array[];
  // MTH of an interval never changes, and without keeping it the larger sizes would take hours.
  readonly #hashes = new Map<string, Uint8Array>();

  constructor(entries: readonly Uint8Array[]) {
    this.#leaves = entries.map((entry) => sha256(Uint8Array.of(0), entry));
  }

  leafHash(index: number): Uint8Array {
    return this.#leaves[index]!;
  }

  /** MTH(D[start:end]). */
  hash(start: number, end: number): Uint8Array {
    const n = end - start;
    if (n === 0) return sha256();
    if (n === 1) return this.#leaves[start]!;
    const key = `${start}-${end}`;
    let hash = this.#hashes.get(key);
    if (hash === undefined) {
      const k = split(n);
      hash = sha256(Uint8Array.of(1), this.hash(start, start + k), this.hash(start + k, end));
      this.#hashes.set(key, hash);
    }
    return hash;
  }

  root(size: number): Uint8Array {
    return this.hash(0, size);
  }

  /** PATH(m, D[start:end]), RFC 6962, section 2.1.1. */
  path(m: number, start: number, end: number): Uint8Array[] {
    const n = end - start;
    if (n === 1) return [];
    const k = split(n);
    return m < k
      ? [...this.path(m, start, start + k), this.hash(start + k, end)]
      : [...this.path(m - k, start + k, end), this.hash(start, start + k)];
  }

  /** PROOF(m, D[n]), RFC 6962, section 2.1.2. */
  consistency(m: number, n: number): Uint8Array[] {
    return m === 0 ? [] : this.#subproof(m, 0, n, true);
  }

  #subproof(m: number, start: number, end: number, b: boolean): Uint8Array[] {
    const n = end - start;
    if (m === n) return b ? [] : [this.hash(start, end)];
    const k = split(n);
    return m <= k
      ? [...this.#subproof(m, start, start + k, b), this.hash(start + k, end)]
      : [...this.#subproof(m - k, start + k, end, false), this.hash(start, start + k)];
  }

  /** SUBTREE_PROOF(start, end, D_n), draft-ietf-plants-merkle-tree-certs, section 4.4.1. */
  subtreeProof(start: number, end: number, n: number): Uint8Array[] {
    return start === end ? [] : this.#subtreeSubproof(start, end, 0, n, true);
  }

  #subtreeSubproof(start: number, end: number, low: number, high: number, b: boolean): Uint8Array[] {
    const n = high - low;
    if (start === 0 && end === n) return b ? [] : [this.hash(low, high)];
    const k = split(n);
    if (end <= k) return [...this.#subtreeSubproof(start, end, low, low + k, b), this.hash(low + k, high)];
    if (k <= start) return [...this.#subtreeSubproof(start - k, end - k, low + k, high, b), this.hash(low, low + k)];
    return [...this.#subtreeSubproof(0, end - k, low + k, high, false), this.hash(low, low + k)];
  }
}

/** Whether `[start, end)` is a subtree: draft-ietf-plants-merkle-tree-certs, section 4.1. */
export function isReferenceSubtree(start: number, end: number): boolean {
  let ceiling = 1;
  while (ceiling < end - start) ceiling <<= 1;
  return start <= end && start % ceiling === 0;
}
