import t from "tap";
import { expiry, roleName, threshold } from "../../../controller/cli/root-place.ts";

t.test("what a person types of a root is read", async (t) => {
  t.equal(roleName("owner"), "owner");
  t.equal(threshold("2"), 2);
  t.equal(expiry("2030-12-31").toISOString(), "2030-12-31T00:00:00.000Z");
  const days = (expiry("365d").getTime() - Date.now()) / 86_400_000;
  t.ok(Math.abs(days - 365) < 0.1, `${days} days`);
});

const wrong = [
  { what: "a role", read: () => roleName("targets"), hint: /owner, publisher, director/ },
  ...["0", "-1", "1.5", "two", ""].map((text) => ({
    what: "a threshold",
    read: () => threshold(text),
    hint: /1 or more/,
  })),
  { what: "a date", read: () => expiry("2030-13-01"), hint: /2030-12-31/ },
  { what: "a time", read: () => expiry("soon"), hint: /90s/ },
];
for (const { what, read, hint } of wrong) {
  t.test(`what is not ${what} says how to write it`, async (t) => t.throws(read, { code: "usage", exitCode: 2, hint }));
}
