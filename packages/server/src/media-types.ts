/** Of notes, which https://c2sp.org/tlog-tiles#checkpoints asks for, and of whatever else is text. */
export const TEXT_TYPE = 'text/plain; charset=utf-8';
/** Of tiles and entry bundles: https://c2sp.org/tlog-tiles#merkle-tree */
export const OCTETS_TYPE = 'application/octet-stream';
export const JSON_TYPE = 'application/json';
export const CBOR_TYPE = 'application/cbor';
/** Of a bundle: docs/bundle.md. */
export const BUNDLE_TYPE = 'application/vnd.vitrine.bundle+cbor';
/** Of what a server answers when it refuses something. RFC 9457 */
export const PROBLEM_TYPE = 'application/problem+json';
