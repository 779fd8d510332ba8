import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

// From what is in memory to a wait for witnesses.
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** A counter of requests, and their durations, with labels that are looked up once. */
interface Route {
  count(): void;
  observe(seconds: number): void;
}

/** What a server counts, in a registry of its own: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'route' | 'method' | 'status'>;
  readonly #durations: Histogram<'route' | 'method'>;
  readonly #routes = new Map<string, Route>();

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      name: 'vitrine_http_requests_total',
      help: 'Requests that were answered.',
      labelNames: ['route', 'method', 'status'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'vitrine_http_request_duration_seconds',
      help: 'From the end of the headers to the beginning of the answer.',
      labelNames: ['route', 'method'],
      buckets: DURATION_BUCKETS,
      registers,
    });
  }

  /** One request was answered. `route` and `method` are few: never what a client made up. */
  answered({ route, method, status }: { route: string; method: string; status: number }, seconds: number): void {
    const name = `${method} ${status} ${route}`;
    let known = this.#routes.get(name);
    if (known === undefined) {
      const requests = this.#requests.labels({ route, method, status });
      const durations = this.#durations.labels({ route, method });
      known = { count: () => requests.inc(), observe: (value) => durations.observe(value) };
      this.#routes.set(name, known);
    }
    known.count();
    known.observe(seconds);
  }

  /** A figure that is read when somebody asks; undefined, which is shown as NaN, if there is none now. */
  gauge(name: string, help: string, read: () => number | undefined): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read() ?? Number.NaN);
      },
    });
  }

  /** A figure that only grows. */
  counter(name: string, help: string): { inc(by?: number): void } {
    return new Counter({ name, help, registers: [this.#registry] });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All figures, as Prometheus reads them. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
