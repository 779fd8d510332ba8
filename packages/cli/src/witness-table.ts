import { displayOctets } from '@vitrine/core';
import type { WitnessStatus } from '@vitrine/witness';
import { printable } from './text.ts';

/** The size of the log whose witnesses are shown, and the time, in seconds since the Epoch. */
export interface WitnessTableOptions {
  readonly size: number;
  readonly now: number;
}

/** A line for each witness, under a line with headings. */
export function witnessTable(witnesses: readonly WitnessStatus[], { size, now }: WitnessTableOptions): string {
  const rows = witnesses.map((witness) => {
    const { name, keyName, cosigned, failure } = witness;
    return [
      printable(displayOctets(name)),
      printable(keyName),
      witness.size === undefined ? '-' : String(witness.size),
      witness.size === undefined ? '-' : String(Math.max(0, size - witness.size)),
      cosigned === undefined ? '-' : `${formatAge(now - cosigned.time)} ago`,
      failure === undefined ? '-' : printable(failure.message),
    ];
  });
  const table = [['witness', 'key', 'size', 'behind', 'cosigned', 'failure'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => Array.from(row[column]!).length)));
  return table
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** One witness for programs. */
export function witnessJson({ name, keyName, url, size, cosigned, failure }: WitnessStatus, newest: number): object {
  return {
    name: displayOctets(name),
    keyName,
    url: url ?? null,
    size: size ?? null,
    behind: size === undefined ? null : Math.max(0, newest - size),
    cosigned: cosigned === undefined ? null : { size: cosigned.size, time: cosigned.time },
    failure: failure === undefined ? null : { code: failure.code, message: failure.message },
  };
}

function formatAge(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
