import t from "tap";
import { PacketMeter } from "../../../controller/broker/packet-meter.ts";

/** The fixed header of a PUBLISH with so many bytes behind it [MQTT-2.2.3]. */
function header(remaining: number): number[] {
  const bytes = [0x30];
  let rest = remaining;
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return bytes;
}
const packet = (remaining: number) => Buffer.concat([Buffer.from(header(remaining)), Buffer.alloc(remaining, 0xff)]);

t.test("lets packets up to the bound pass, one after another, however they are cut", async (t) => {
  const stream = Buffer.concat([packet(0), packet(5), packet(200), packet(1_000), Buffer.from([0xc0, 0])]);
  for (const step of [1, 2, 7, 128, 10_000]) {
    const meter = new PacketMeter(1_000);
    for (let at = 0; at < stream.length; at += step) {
      if (!meter.accepts(stream.subarray(at, at + step))) t.fail(`refused at ${at}, cut every ${step}`);
    }
  }
});

t.test("refuses a longer packet by its header alone", async (t) => {
  t.notOk(new PacketMeter(1_000).accepts(Uint8Array.from(header(1_001))));
  const meter = new PacketMeter(1_000);
  const bytes = header(200_000_000);
  t.notOk(bytes.every((byte) => meter.accepts(Uint8Array.of(byte))));
});

t.test("refuses a length of more than four bytes", async (t) => {
  t.notOk(new PacketMeter(1_000).accepts(Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x01)));
});
