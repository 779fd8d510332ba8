import { sha256 } from '@vitrine/core';
import { hex } from './hex.ts';

/**
 * SHA-256 of an origin in lowercase hex, which stands for it in paths.
 * https://c2sp.org/tlog-witness#monitor-retrieval-mechanism
 */
export function originHash(origin: string): string {
  return hex(sha256(new TextEncoder().encode(origin)));
}
