import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import {
  createExperiment,
  participantsOf,
  rolloutOfExperiment,
  type Participants,
} from "../../experiments/create-experiment.ts";
import { experimentDocument } from "../../experiments/experiment-document.ts";
import { keepFormer, promote } from "../../experiments/end-experiment.ts";
import { completeExperiment, type ExperimentRequest } from "../../experiments/experiment-spec.ts";
import { experimentSpecOf, listExperiments, oneExperiment } from "../../experiments/experiments.ts";
import type { Experiments } from "../../experiments/open-experiments.ts";
import { checkedSpec } from "../../rollout/checked-spec.ts";
import { devicesText } from "../../rollout/end-of-rollout.ts";
import { readPlan } from "../../rollout/read-plan.ts";
import { readTally } from "../../rollout/read-situation.ts";
import { rolloutById } from "../../rollout/rollouts.ts";
import type { Store } from "../../store/store.ts";
import type { ExperimentRow } from "../../store/tables.ts";
import type { Handlers } from "../bind-routes.ts";
import type { Experiment, ExperimentDetail, EXPERIMENT_ROUTES } from "../experiment-routes.ts";
import { formatOf, reportAnswer } from "./report-handlers.ts";
import { requireVouched, selectorText, type RolloutHandlerPorts } from "./rollout-handlers.ts";
import { rolloutOf } from "./rollout-shapes.ts";

export interface ExperimentHandlerPorts extends RolloutHandlerPorts {
  readonly results: Experiments["results"];
}

export function experimentHandlers(ports: ExperimentHandlerPorts): Pick<Handlers, keyof typeof EXPERIMENT_ROUTES> {
  const { store, settle, isVouched, results, clock } = ports;
  const plan = async (request: ExperimentRequest) => {
    const spec = completeExperiment(request);
    const planned = await readPlan(store, rolloutOfExperiment(spec, clock.nowMs()), clock.nowMs());
    requireVouched(planned.entry, isVouched);
    return { spec, planned, participants: participantsOf(spec, planned) };
  };
  const report = async (name: string) => {
    const row = await oneExperiment(store, name);
    return experimentDocument({ row, spec: experimentSpecOf(row), results: await results(row), atMs: clock.nowMs() });
  };
  return {
    planExperiment: async ({ body }) => {
      const { spec, participants } = await plan(body);
      return { spec, participants: shapeOf(participants) };
    },
    createExperiment: async ({ body }, { operator, audit }) => {
      const { spec, planned, participants } = await plan(body);
      const { devices, former } = participants;
      const selector = selectorText(spec);
      const detail = `${spec.model} ${former} against ${spec.version} on ${devicesText(devices.length)} (${selector})`;
      const made = { spec, planned, participants, selector, author: operator.name };
      const id = await createExperiment(store, made, clock.nowMs(), (name) =>
        audit({ target: `experiment ${name}`, detail }),
      );
      await settle();
      const experiment = experimentOf(await oneExperiment(store, String(id)));
      return { experiment, participants: shapeOf(participants) };
    },
    listExperiments: async ({ query }) => {
      const experiments = [];
      for (const row of await listExperiments(store, query.limit)) {
        const { advice, verdict } = await results(row);
        experiments.push({ ...experimentOf(row), advice, verdict });
      }
      return { experiments };
    },
    getExperiment: async ({ params }) => detailOf(store, await oneExperiment(store, params.experiment), results),
    experimentReport: ({ params }) => report(params.experiment),
    experimentReportFile: async ({ params, query }, { accept }) => {
      const format = formatOf(query.format, accept);
      return reportAnswer(await report(params.experiment), format);
    },
    stopExperiment: async ({ params, body }, { operator, audit }) => {
      const row = await oneExperiment(store, params.experiment);
      if (row.state !== "running") {
        if (body.promote && row.state !== "promoted") throw endedOtherwise(row);
        return {
          experiment: experimentOf(row),
          hasEnded: true,
          text: `it has ended already, ${row.state}: ${row.why ?? ""}`,
        };
      }
      const target = `experiment ${row.name}`;
      const by = operator.name;
      if (body.promote) {
        const id = await promoteCandidate(ports, row, by, (rollout) =>
          audit({ target, detail: `promoted ${row.candidate} by rollout ${rollout}` }),
        );
        await settle();
        const text = `${row.candidate} is promoted: rollout ${id} brings it to the devices of the experiment`;
        return { experiment: experimentOf(await oneExperiment(store, String(row.id))), hasEnded: false, text };
      }
      const ending = { experiment: row, state: "kept", by, why: `stopped by ${by}` } as const;
      await keepFormer(store, ending, clock.nowMs(), audit({ target, detail: `kept ${row.former}` }));
      await settle();
      const text = `${row.former} is kept: its devices go back to it, and those that are offline when they return`;
      return { experiment: experimentOf(await oneExperiment(store, String(row.id))), hasEnded: false, text };
    },
  };
}

function shapeOf({ former, devices, leftOut }: Participants) {
  return { former, devices: [...devices], leftOut: [...leftOut] };
}

function endedOtherwise({ name, state, model, candidate }: ExperimentRow): FerryError {
  return new FerryError("experiment-over", `Experiment ${name} has ended already: ${state}`, {
    hint: `To bring B to devices all the same: ferry rollout create ${model}@${candidate} --all --dry-run`,
    exitCode: EXIT.conflict,
  });
}

/** All of its devices at once: they hold B, and have answered with it. */
async function promoteCandidate(
  { store, isVouched, clock }: ExperimentHandlerPorts,
  row: ExperimentRow,
  by: string,
  also: Parameters<typeof promote>[4],
): Promise<number> {
  const members = await store
    .selectFrom("rollout_devices")
    .select("device")
    .where("rollout", "=", row.rollout)
    .where("live", "=", 1)
    .execute();
  const devices = members.map(({ device }) => device);
  const request = { model: row.model, version: row.candidate, devices };
  const spec = checkedSpec(request, clock.nowMs());
  const planned = await readPlan(store, spec, clock.nowMs());
  requireVouched(planned.entry, isVouched);
  const { entry, foresight } = planned;
  const selector = `the devices of experiment ${row.name}`;
  const rollout = { entry, spec, selector, author: by, devices, foretold: foresight.devices };
  const ending = { experiment: row, state: "promoted", by, why: `promoted by ${by}` } as const;
  return promote(store, ending, rollout, clock.nowMs(), also);
}

function experimentOf(row: ExperimentRow): Experiment {
  const { id, name, model, former, candidate, selector, author, state, why, rollout, promotion } = row;
  return {
    ...{ id, name, model, former, candidate, selector, author, state, why, rollout, promotion },
    share: experimentSpecOf(row).share,
    createdMs: row.created_ms,
    endsMs: row.ends_ms,
    endedMs: row.ended_ms,
    endedBy: row.ended_by,
  };
}

/** Enough to see what is wrong; the rollout has all. */
const TROUBLED_MAX = 20;

async function detailOf(store: Store, row: ExperimentRow, results: Experiments["results"]): Promise<ExperimentDetail> {
  const rollout = await rolloutById(store, row.rollout);
  const troubled = await store
    .selectFrom("rollout_devices")
    .select(["device", "why"])
    .where("rollout", "=", row.rollout)
    .where("live", "=", 1)
    .where("state", "in", row.state === "running" ? ["waiting", "failed", "done"] : ["waiting", "failed", "reverting"])
    .orderBy("device")
    .limit(TROUBLED_MAX)
    .execute();
  return {
    experiment: experimentOf(row),
    spec: experimentSpecOf(row),
    rollout:
      rollout === undefined
        ? null
        : { state: rollout.state, counts: rolloutOf(rollout, await readTally(store, rollout.id)).counts },
    troubled: troubled.map(({ device, why }) => ({ device, why: why ?? "it committed to B" })),
    results: await results(row),
  };
}
