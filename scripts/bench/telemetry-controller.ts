/** A process with a whole controller, so that its processor time and memory can be told apart. Ends with its parent. */
import { readLocalToken } from "../../controller/operators/local-operator.ts";
import { openTestController } from "../../test/support/controller-api.ts";

const [home = "", brokerUrl = ""] = process.argv.slice(2);
const controller = await openTestController(home, { brokerUrl });
process.send?.({
  httpUrl: controller.httpUrl,
  fleet: controller.fleet,
  token: readLocalToken(controller.paths.operatorToken),
});
process.once("disconnect", () => {
  process.exit(0);
});
