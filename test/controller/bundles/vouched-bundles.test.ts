import t from "tap";
import { join } from "node:path";
import { openShelf } from "../../../controller/bundles/bundle-shelf.ts";
import { createVouchedBundles, unvouchedText } from "../../../controller/bundles/vouched-bundles.ts";
import { registerBundle } from "../../../controller/store/catalogue.ts";
import { openStore } from "../../../controller/store/store.ts";
import { inPieces, publisherRole, signedDigits } from "../../support/bundles.ts";
import { newSigner } from "../../support/keys.ts";

const [former, next] = [newSigner(), newSigner()];

t.test("a bundle that only a replaced publisher signed is known by name, and the others are not named", async (t) => {
  const folder = t.testdir();
  await using opened = await openStore(join(folder, "controller.db"));
  const { store } = opened;
  const shelf = await openShelf(join(folder, "bundles"));
  const { archive } = await signedDigits(join(folder, "digits"), former);
  const old = await shelf.accept(inPieces(archive), { publisher: publisherRole(1, former) });
  const { statement, modelJson: model } = old;
  await registerBundle(store, { statement, model, archive: old.archive, pushedMs: 1 });
  const vouched = createVouchedBundles(store, shelf);
  await vouched.look(publisherRole(1, former));
  t.ok(vouched.isVouched(statement));
  t.equal(unvouchedText(vouched.unvouched()), undefined);
  await vouched.look(publisherRole(1, next));
  t.notOk(vouched.isVouched(statement));
  t.match(unvouchedText(vouched.unvouched()), /has signed digits@1\.0\.0: devices refuse that; sign and push/);
  await vouched.look(publisherRole(2, former, next));
  t.notOk(vouched.isVouched(statement), "one signature where two are needed is not enough");
  await shelf.remove(old.archive.sha256);
  await vouched.look(publisherRole(1, next));
  t.ok(vouched.isVouched(statement), "nothing is said about an archive that is not there");
});
