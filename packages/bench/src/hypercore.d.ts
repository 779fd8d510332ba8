// hypercore has no types of its own: what is used here.
declare module 'hypercore' {
  export default class Hypercore {
    constructor(storage: string);
    readonly length: number;
    ready(): Promise<void>;
    append(blocks: readonly Buffer[]): Promise<unknown>;
    close(): Promise<void>;
  }
}
