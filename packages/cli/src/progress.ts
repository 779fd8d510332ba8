import { type Context, variable } from './context.ts';

/** Shows how far a long operation is. */
export interface Progress {
  /** @param total undefined where it is not known */
  update(done: number, total?: number): void;
  /** Clears the bar. */
  stop(): void;
}

/** What a progress bar says. */
export interface ProgressOptions {
  readonly label: string;
  /** What is counted. */
  readonly unit: string;
  readonly json: boolean | undefined;
}

// What is done sooner needs no bar.
const DELAY = 500;

const SILENT: Progress = { update: () => {}, stop: () => {} };

/** A bar on standard error, if that is a terminal, and not under `NO_COLOR` or `--json`. */
export function startProgress(context: Context, { label, unit, json }: ProgressOptions): Progress {
  const { stderr } = context.output;
  if (json === true || stderr.isTTY !== true || variable(context, 'NO_COLOR') !== undefined) return SILENT;
  const begun = performance.now();
  let bar: import('cli-progress').SingleBar | undefined;
  let loading = false;
  let stopped = false;
  const load = async (total: number | undefined): Promise<void> => {
    loading = true;
    const { SingleBar } = (await import('cli-progress')).default;
    if (stopped) return;
    const format =
      total === undefined ? `${label} {value} ${unit}` : `${label} {bar} {percentage}% {value}/{total} ${unit}`;
    bar = new SingleBar({
      format,
      stream: stderr,
      clearOnComplete: true,
      hideCursor: true,
      barsize: 30,
      etaBuffer: 50,
    });
    bar.start(total ?? 0, 0);
  };
  return {
    update: (done, total) => {
      if (bar === undefined) {
        if (!loading && performance.now() - begun > DELAY) void load(total);
        return;
      }
      if (total !== undefined) bar.setTotal(total);
      bar.update(done);
    },
    stop: () => {
      stopped = true;
      bar?.stop();
    },
  };
}
