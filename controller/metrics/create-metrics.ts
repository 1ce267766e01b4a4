/** The text that Prometheus reads of the controller; figures are read when they are asked for. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";
import { METRICS, type MetricDefinition, type MetricName } from "./definitions.ts";

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Figure = number | readonly Sample[];

/** One for each definition: what it is at this moment. */
export type MetricReaders = Readonly<Record<MetricName, () => Figure | Promise<Figure>>>;

/** Gives the text of all figures, with those of the process itself. */
export function createMetrics(readers: MetricReaders): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const [name, read] of Object.entries(readers) as [MetricName, () => Figure | Promise<Figure>][]) {
    register(registry, name, METRICS[name], read);
  }
  return () => registry.metrics();
}

function register(
  registry: Registry,
  name: MetricName,
  { type, help, labels = [] }: MetricDefinition,
  read: () => Figure | Promise<Figure>,
): void {
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  async function samples(): Promise<readonly Sample[]> {
    const figure = await read();
    return typeof figure === "number" ? [{ labels: {}, value: figure }] : figure;
  }
  if (type === "gauge") {
    new Gauge({
      ...options,
      async collect() {
        const found = await samples();
        this.reset();
        for (const { labels: of, value } of found) this.set(of, value);
      },
    });
  } else {
    new Counter({
      ...options,
      async collect() {
        const found = await samples();
        this.reset();
        for (const { labels: of, value } of found) this.inc(of, value);
      },
    });
  }
}
