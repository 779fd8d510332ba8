import { sha256 } from '@vitrine/core';

/**
 * SHA-256 of an origin in lowercase hex, which stands for it in paths.
 * https://c2sp.org/tlog-witness#monitor-retrieval-mechanism
 */
export function originHash(origin: string): string {
  return Array.from(sha256(new TextEncoder().encode(origin)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
