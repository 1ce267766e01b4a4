/** Loaded into an agent before all else: its system clock is wrong by FERRY_TEST_CLOCK_SHIFT_MS milliseconds. */
const shiftMs = Number(process.env["FERRY_TEST_CLOCK_SHIFT_MS"] ?? 0);
const { now } = Date;
Date.now = () => now() + shiftMs;
