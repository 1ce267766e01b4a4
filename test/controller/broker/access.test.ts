import t from "tap";
import { mayPublish, maySubscribe, parsedOrUndefined } from "../../../controller/broker/access.ts";

const publishes = [
  { client: "cam-1", topic: "mf1/f/d/cam-1/up/report", may: true, why: "its own reports" },
  { client: "cam-1", topic: "mf1/f/d/cam-1/up/x", may: true, why: "its own wants" },
  { client: "cam-1", topic: "mf1/f/c/app/in/cam-1", may: true, why: "its own answers" },
  { client: "cam-1", topic: "mf1/f/d/cam-2/p/digits", may: true, why: "predict requests to any device" },
  { client: "cam-1", topic: "mf1/f/d/cam-2/up/report", may: false, why: "another's reports" },
  { client: "cam-1", topic: "mf1/f/c/app/in/cam-2", may: false, why: "another's answers" },
  { client: "cam-1", topic: "mf1/f/d/cam-1/dn/desired", may: false, why: "deployments, even to itself" },
  { client: "cam-1", topic: "mf1/f/g/all/cmd", may: false, why: "offers" },
  { client: "cam-1", topic: "mf1/f/g/all/x/0123456789abcdef", may: false, why: "broadcast chunks" },
  { client: "cam-1", topic: "mf1/f/trust/root/2", may: false, why: "roots" },
  { client: "cam-1", topic: "mf1/f/c/controller/state", may: false, why: "the controller's state" },
  { client: "cam-1", topic: "other/topic", may: false, why: "what is none of Modelferry's topics" },
  { client: "Cam 1", topic: "mf1/f/d/cam-1/p/digits", may: false, why: "anything, under a name that is no id" },
  { client: "controller", topic: "mf1/f/d/cam-1/dn/desired", may: true, why: "deployments" },
  { client: "controller", topic: "mf1/f/g/all/cmd", may: true, why: "offers" },
];
for (const { client, topic, may, why } of publishes) {
  t.test(`${client} may ${may ? "" : "not "}publish ${why}`, async (t) => t.equal(mayPublish(client, topic), may));
}

const subscriptions = [
  { client: "cam-1", filter: "mf1/f/d/cam-1/dn/desired", may: true, why: "its deployment" },
  { client: "cam-1", filter: "mf1/f/d/cam-1/dn/x", may: true, why: "its chunks" },
  { client: "cam-1", filter: "mf1/f/d/cam-1/p/+", may: true, why: "predict requests to it" },
  { client: "cam-1", filter: "mf1/f/trust/root/+", may: true, why: "roots" },
  { client: "cam-1", filter: "mf1/f/g/all/cmd", may: true, why: "offers" },
  { client: "cam-1", filter: "mf1/f/g/all/x/0123456789abcdef", may: true, why: "a broadcast" },
  { client: "cam-1", filter: "mf1/f/c/controller/state", may: true, why: "the controller's state" },
  { client: "app", filter: "mf1/f/c/app/in/+", may: true, why: "answers to it" },
  { client: "app", filter: "mf1/f/c/app/in/#", may: true, why: "answers to it, as a subtree" },
  { client: "app", filter: "mf1/f/c/app/in/cam-1", may: true, why: "answers to it from one device" },
  { client: "app", filter: "mf1/f/c/other/in/+", may: false, why: "answers to another" },
  { client: "app", filter: "mf1/f/c/+/in/cam-1", may: false, why: "answers to all" },
  { client: "cam-1", filter: "mf1/f/d/cam-2/dn/desired", may: false, why: "another's deployment" },
  { client: "cam-1", filter: "mf1/f/d/+/dn/desired", may: false, why: "everyone's deployments" },
  { client: "cam-1", filter: "mf1/f/d/cam-1/dn/+", may: false, why: "a wildcard where it knows the names" },
  { client: "cam-1", filter: "mf1/f/d/+/p/+", may: false, why: "everyone's predict requests" },
  { client: "cam-1", filter: "mf1/f/d/+/up/+", may: false, why: "everyone's reports" },
  { client: "cam-1", filter: "#", may: false, why: "everything" },
  { client: "cam-1", filter: "$SYS/#", may: false, why: "the broker's own topics" },
  { client: "controller", filter: "mf1/f/d/+/up/+", may: true, why: "everyone's reports" },
  { client: "controller", filter: "$share/g/mf1/f/d/+/up/+", may: false, why: "a shared subscription" },
];
for (const { client, filter, may, why } of subscriptions) {
  t.test(`${client} may ${may ? "" : "not "}subscribe ${why}`, async (t) => t.equal(maySubscribe(client, filter), may));
}

t.test("a topic that is not Modelferry's is no topic", async (t) => t.equal(parsedOrUndefined("$SYS/x"), undefined));
