import t from "tap";
import { parseBootFile } from "../../../agent/first-boot/boot-file.ts";
import { FerryError } from "../../../common/ferry-error.ts";

const PIN = "a".repeat(64);

t.test("a file from any editor says what the device needs", async (t) => {
  const windows = `\uFEFF# a comment\r\nFERRY_TOKEN = "mfj1.abc" \r\n\r\nFERRY_ROOT_PIN=${PIN}\r\nFERRY_LABELS=site=oslo, kind=camera\r\n`;
  t.same(parseBootFile(windows), { token: "mfj1.abc", rootPin: PIN, labels: ["site=oslo", "kind=camera"] });
});

t.test("a controller may be asked without a token", async (t) => {
  const text = `FERRY_CONTROLLER=https://ferry.example:8471\nFERRY_CA_PIN=${PIN}\nFERRY_ID=cam-1\nFERRY_ROOT_PIN=${PIN}\n`;
  const expected = { controller: "https://ferry.example:8471", caPin: PIN, id: "cam-1", rootPin: PIN, labels: [] };
  t.same(parseBootFile(text), expected);
});

t.test("a value is data: nothing in it is expanded", async (t) => {
  const { token } = parseBootFile(`FERRY_TOKEN=$(reboot)\`id\`\nFERRY_ROOT_PIN=${PIN}\n`);
  t.equal(token, "$(reboot)`id`");
});

const refused = [
  { when: "it has no token", text: `FERRY_TOKEN=\nFERRY_ROOT_PIN=${PIN}`, says: /no FERRY_TOKEN/ },
  { when: "it has no root pin", text: "FERRY_TOKEN=mfj1.x", says: /no FERRY_ROOT_PIN/ },
  { when: "a key is misspelt", text: "FERRY_TOKN=mfj1.x", says: /line 1 names "FERRY_TOKN"/ },
  { when: "a key stands there twice", text: "FERRY_TOKEN=a\nFERRY_TOKEN=b", says: /FERRY_TOKEN stands there twice/ },
  { when: "a line is something else", text: "# fine\nmfj1.secret", says: /line 2 is not of the form KEY=value/ },
  { when: "it is empty", text: "", says: /no FERRY_TOKEN/ },
];
for (const { when, text, says } of refused) {
  t.test(`it is refused, with what is wrong and without the token, when ${when}`, async (t) => {
    const refusal = t.throws(() => parseBootFile(text), FerryError) as unknown as FerryError;
    t.match(refusal, { code: "boot-file", exitCode: 2, message: says });
    t.notMatch(refusal.message, /secret/);
  });
}
