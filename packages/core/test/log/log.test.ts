import { MemoryDisk, MemoryStore, ReferenceTree, SeededRandom } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { formatDescription } from '../../src/log/description.ts';
import { Log } from '../../src/log/log.ts';
import { cosign } from '../../src/note/cosigner.ts';
import { ed25519Signer } from '../../src/note/ed25519.ts';
import { KEY_TYPE_ED25519, KEY_TYPE_ED25519_COSIGNATURE } from '../../src/note/key-type.ts';
import { openCheckpoint } from '../../src/note/open-checkpoint.ts';
import { privateKeyFromSeed } from '../../src/note/private-key.ts';
import { formatSignedNote, parseSignedNote, signNote } from '../../src/note/signed-note.ts';
import { formatVkey } from '../../src/note/vkey.ts';
import { EMPTY_ROOT, leafHash } from '../../src/tree/hash.ts';
import {
  collect,
  createLog,
  entriesOf,
  entryOf,
  expectCode,
  expectLog,
  KEY,
  OPTIONS,
  ORIGIN,
  openLog,
  SIGNER,
  utf8,
} from './fixtures.ts';
