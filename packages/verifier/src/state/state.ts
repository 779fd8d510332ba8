/** A checkpoint that the log signed. */
export interface SeenCheckpoint {
  /** A signed note: its text, with one line of each key that the trust file had. */
  readonly checkpoint: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
}

/** What an agent remembers of a log. */
export interface LogState {
  readonly origin: string;
  /** That of the largest tree that was seen. */
  readonly largest: SeenCheckpoint;
  /** Those that no proof connects with it yet: kept to be settled, the newest last. */
  readonly unsettled: readonly SeenCheckpoint[];
}

/** The release of a stream that an agent has installed. */
export interface InstalledRelease {
  readonly issuer: string;
  /** Its leaf index. */
  readonly leaf: number;
  /** Statements that the stream had in the tree that was consulted. */
  readonly count: number;
  /** Leaves of that tree. */
  readonly size: number;
  /** Of a database. */
  readonly sequence?: number;
}

/** What an agent remembers of a stream. */
export interface StreamState {
  readonly origin: string;
  /** As the caller names it, whoever issues it. */
  readonly stream: string;
  /** Leaves of the largest tree that was consulted for it. */
  readonly consulted: number;
  /** Undefined if none was installed, but one was refused. */
  readonly installed?: InstalledRelease;
}

/** What an agent remembers between two decisions. Plain data. */
export interface AgentState {
  /** Of the trust file. */
  readonly serial?: number;
  /** The newest time at which witnesses had seen a checkpoint, in seconds since the Epoch. */
  readonly time?: number;
  readonly logs: readonly LogState[];
  readonly streams: readonly StreamState[];
}

/** Of an agent that has decided nothing yet. */
export const NO_STATE: AgentState = { logs: [], streams: [] };
