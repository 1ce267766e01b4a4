/**
 * How often drift is called where there is none, how surely a change is seen, and what watching costs a device. Rates are over windows
 * drawn by a seed; times are processor time. Exits 1 where the share of windows that are beyond chance is not about one in a hundred.
 */
import { parseArgs } from "node:util";
import { anyCalledRate, CHANGED, ratesOf, STEADY, WINDOW_SIZES } from "./drift-rates.ts";
import { bytesOfDay, microsPerRequest, watchedModels } from "./drift-watching.ts";

const { values } = parseArgs({
  options: {
    windows: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    requests: { type: "string", default: "20000" },
  },
});

const WINDOWS = Number(values.windows);
const SEED = Number(values.seed);
const REQUESTS = Number(values.requests);
/** What the limit for chance promises, one in a hundred, twice as often and half as often. */
const RATE_MIN = 0.005;
const RATE_MAX = 0.02;
/** Among fewer examples a class of 1 % hardly ever comes, and alarms are rarer: no harm. */
const RATE_MIN_FROM = 100;
/** Of a version that is drawn whole, window by window: a hundredth of the windows suffices to tell 1 % from 5 %. */
const FEATURES = 66;
const RUNS = 5;

const percent = (share: number) => `${(100 * share).toFixed(2)} %`.padStart(8);
const bytes = (count: number) => (count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(2)} MB`);
let wrong = 0;

console.log(`${WINDOWS} windows without drift, each against a baseline of 1,000 samples`);
console.log("                        examples   beyond chance   called drifting");
for (const [index, one] of STEADY.entries()) {
  for (const size of WINDOW_SIZES) {
    const { beyondChance, called } = ratesOf(one, WINDOWS, size, 100 * SEED + index);
    const least = size >= RATE_MIN_FROM ? RATE_MIN : 0;
    const isRight = beyondChance >= least && beyondChance <= RATE_MAX && called <= RATE_MAX;
    if (!isRight) wrong += 1;
    const mark = isRight ? "" : `   ✖ not within ${percent(RATE_MIN).trim()} and ${percent(RATE_MAX).trim()}`;
    console.log(
      `  ${one.what.padEnd(20)}  ${String(size).padStart(8)}        ${percent(beyondChance)}          ${percent(called)}${mark}`,
    );
  }
}
const whole = anyCalledRate(Math.ceil(WINDOWS / 10), 300, FEATURES, SEED);
if (whole > RATE_MAX) wrong += 1;
console.log(
  `  a version of ${FEATURES} features, windows of 300: any of them is called drifting in ${percent(whole).trim()} of ${Math.ceil(WINDOWS / 10)}`,
);

console.log(`\nchanges that are called drifting, of ${Math.ceil(WINDOWS / 10)} windows each`);
for (const [index, one] of CHANGED.entries()) {
  const shares = WINDOW_SIZES.map((size) => {
    const { beyondChance, called } = ratesOf(one, Math.ceil(WINDOWS / 10), size, 1_000 * SEED + index);
    return `${size}: ${percent(called).trim()} (beyond chance ${percent(beyondChance).trim()})`;
  });
  console.log(`  ${one.what}\n    ${shares.join(", ")}`);
}

console.log("\nwatching, every example looked at (a device looks at fewer where that takes more than 1 % of a core)");
for (const watched of watchedModels()) {
  const micros = microsPerRequest(watched, REQUESTS, RUNS);
  const busy = bytesOfDay(watched, { perWindow: 300, isMetered: false });
  const metered = bytesOfDay(watched, { perWindow: 300, isMetered: true });
  console.log(
    `  ${watched.what}\n    ${micros.toFixed(1)} µs of processor time a request (median of ${RUNS} times ${REQUESTS})\n` +
      `    one request a second, all day: ${bytes(busy.wire)} in ${busy.records} records; metered, by the hour: ${bytes(metered.wire)} in ${metered.records}`,
  );
}
if (wrong > 0) {
  console.log(`\n✖ ${wrong} rates are out of bounds`);
  process.exitCode = 1;
}
