import t from "tap";
import { fileOfForm } from "../../../agent/serve/form-file.ts";

/** As a browser writes it. */
async function written(data: FormData) {
  const request = new Request("http://localhost", { method: "POST", body: data });
  return { body: new Uint8Array(await request.arrayBuffer()), type: request.headers.get("content-type") ?? "" };
}

t.test("the first file is taken, fields before it are passed over, whatever bytes it has", async (t) => {
  const file = Buffer.from("\r\n--\r\n\r\n--x\u0000\u00ff", "latin1");
  const data = new FormData();
  data.append("note", "hello");
  data.append("image", new Blob([file]), "a; b.png");
  data.append("other", new Blob(["second"]), "c.png");
  const { body, type } = await written(data);
  t.same(Buffer.from(fileOfForm(body, type)), file);
  t.same(Buffer.from(fileOfForm(body, type.replace(/boundary=(.*)/, 'boundary="$1"; charset=utf-8'))), file);
});

t.test("a body that is no form stays as it is", async (t) => {
  const body = Buffer.from("--x");
  t.equal(fileOfForm(body, undefined), body);
  t.equal(fileOfForm(body, "image/png"), body);
});

const part = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
const refused: readonly [string, string, string, RegExp][] = [
  ["no boundary is named", "--x", "multipart/form-data", /names no boundary/],
  ["another boundary is named", "--x", "multipart/form-data; boundary=y", /boundary is not the one/],
  ["there is no file", `${part}--x--`, "multipart/form-data; boundary=x", /The form has no file/],
  ["it ends in a head", "--x\r\nContent-", "multipart/form-data; boundary=x", /cut short/],
  ["it ends in a part", part, "multipart/form-data; boundary=x", /cut short/],
  [
    "a head has no end",
    `--x\r\n${"a".repeat(5_000)}\r\n\r\n1\r\n--x--`,
    "multipart/form-data; boundary=x",
    /cut short/,
  ],
  ["there are too many parts", `${part.repeat(20)}--x--`, "multipart/form-data; boundary=x", /its first 16 parts/],
];
for (const [when, body, type, message] of refused) {
  t.test(`a form is refused where ${when}`, async (t) => {
    t.throws(() => fileOfForm(Buffer.from(body), type), { status: 400, message });
  });
}
