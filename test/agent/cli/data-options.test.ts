import t from "tap";
import { dataConfig, dataSize } from "../../../agent/cli/data-options.ts";

t.test("sizes are read as mobile operators write them", async (t) => {
  t.same(
    ["50MB", "1.5 GB", "4000kb", "3000000"].map((text) => dataSize(text)),
    [50e6, 1.5e9, 4e6, 3e6],
  );
});

for (const text of ["much", "50MiB", "-5MB", "", "1TB", "9999999999GB"]) {
  t.test(`"${text}" is no size`, async (t) => t.throws(() => dataSize(text), { message: /such as 50MB/ }));
}

t.test("a budget that no device can keep is refused, with why", async (t) => {
  t.throws(() => dataSize("2MB"), { message: /At least 3MB: an idle device/ });
});

t.test("what was not said is not written", async (t) => {
  t.equal(dataConfig({}), undefined);
  t.same(dataConfig({ metered: true }), { metered: true });
  t.same(dataConfig({ metered: true, dataBudget: 5e7 }), { metered: true, monthBytes: 5e7 });
});
