/** The attacker's process: runs the broker, and one attempt after another when it is told to. */
import type { AttackCase } from "./attack.ts";
import { Attacker, type Loot } from "./attacker.ts";
import type { FromAttacker, ToAttacker } from "./attacker-messages.ts";
import { ATTACKS } from "./attacks.ts";
import { openRogueBroker } from "./rogue-broker.ts";

const [fleet = "", device = ""] = process.argv.slice(2);
const broker = await openRogueBroker(fleet as Loot["fleet"], device as Loot["device"]);

async function act(order: ToAttacker): Promise<void> {
  switch (order.kind) {
    case "attempt": {
      const found: AttackCase | undefined = ATTACKS.find(({ attack }) => attack === order.attack);
      if (found === undefined) throw new Error(`there is no attack "${order.attack}"`);
      await found.attempt(new Attacker(order.loot, broker));
      return;
    }
    case "serve":
      broker.serve(order.archive);
      return;
    case "relent":
      await broker.relent();
      return;
    case "fence":
      await broker.send(order.topic, "");
  }
}

process.on("message", ({ number, order }: { readonly number: number; readonly order: ToAttacker }) => {
  act(order).then(
    () => {
      say({ kind: "done", number });
    },
    (error: unknown) => {
      say({ kind: "done", number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    },
  );
});
process.on("disconnect", () => {
  process.exit();
});
say({ kind: "listening", url: broker.url });

function say(message: FromAttacker): void {
  process.send?.(message);
}
