/**
 * The stable entry of an agent that updates itself: a shell script beside its versions. It is no part of any version, so
 * that one which does not even start can be taken back. `DESIGN.md` has its states; files of the program directory:
 *
 * - `current`, `former`: links to `versions/<name>`; which one starts, and what stands behind it.
 * - `trial`: there while `current` has yet to show that it is good; holds how often it was started.
 * - `healthy`: the version on trial serves what its former served; from here on only its end takes it back.
 * - `waiting`: what the version on trial still waits for, as a sentence.
 * - `taken-back`: the name of a version that was taken back, and on the second line why.
 */

/** What an agent ends with that wants to be started again, by whatever link there is then (sysexits.h: EX_TEMPFAIL). */
export const EXIT_RESTART = 75;

/** A version may be unlucky with its device (a power cut, a full memory) so often, and no more. */
export const TRIAL_STARTS_MAX = 3;

/** Loading the models of a small board takes minutes, and a broker that restarts is away for some. */
export const HEALTHY_SECONDS_MAX = 600;

/** Of the program directory; beside `versions/`. */
export const PROGRAM_FILES = {
  launcher: "launch",
  versions: "versions",
  current: "current",
  former: "former",
  base: "base",
  trial: "trial",
  healthy: "healthy",
  waiting: "waiting",
  takenBack: "taken-back",
  before: "before.json",
} as const;

/** POSIX sh with the tools of coreutils or busybox. Every file that it writes appears whole, and on the disk, or not at all. */
export const LAUNCHER = String.raw`#!/bin/sh
# Starts the version of ferry-agent that "current" points to, and takes a version on trial back that does not get well.
# Usage: launch run --dir FOLDER   (what follows is the agent's). FERRY_AGENT_HEALTHY_SECONDS: how long a version on trial
# may take until it serves what the one before it served; ${HEALTHY_SECONDS_MAX} where nothing is set.
set -u
program=$(cd "$(dirname "$(readlink -f "$0")")" && pwd -P) || exit 1
cd_back=$(pwd)
healthy_s=${"$"}{FERRY_AGENT_HEALTHY_SECONDS:-${HEALTHY_SECONDS_MAX}}
child=
watch=
stopping=
ended="its machine or its launcher ended"

settle() { sync "$program" 2>/dev/null || sync; }
put() {
  printf '%s\n' "$2" >"$program/$1.new" || return 1
  sync "$program/$1.new" 2>/dev/null || sync
  mv -f "$program/$1.new" "$program/$1" && settle
}
end_trial() { rm -f "$program/trial" "$program/healthy" "$program/waiting" && settle; }
take_back() {
  put taken-back "$(basename "$(readlink "$program/current")")
$1" || return 1
  ln -sfn "$(readlink "$program/former")" "$program/current.new" && mv -fT "$program/current.new" "$program/current" && settle
  end_trial
  echo "ferry-agent: taken back to $(basename "$(readlink "$program/current")"): $1" >&2
}
begin_trial_start() {
  starts=$(cat "$program/trial")
  case $starts in '' | *[!0-9]*) starts=0 ;; esac
  if [ ! -e "$program/former" ] || [ "$(readlink "$program/current")" = "$(readlink "$program/former")" ]; then
    end_trial
  elif [ "$starts" -ge ${TRIAL_STARTS_MAX} ]; then
    take_back "it was started $starts times, and ended before it was good: $ended"
  else
    put trial $((starts + 1)) && rm -f "$program/healthy" "$program/waiting"
  fi
}
guard() {
  (
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    sleep "$healthy_s" &
    nap=$!
    wait "$nap"
    if [ ! -e "$program/healthy" ] && [ -e "$program/trial" ]; then
      : >"$program/overdue"
      kill -TERM "$1" 2>/dev/null
      sleep 10 &
      nap=$!
      wait "$nap"
      kill -KILL "$1" 2>/dev/null
    fi
  ) >/dev/null 2>&1 &
  watch=$!
}
trap 'stopping=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
# A terminal tells the agent by itself; told twice, it would end without answering what is in flight.
trap 'stopping=1' INT HUP

while :; do
  rm -f "$program/overdue"
  [ ! -e "$program/trial" ] || begin_trial_start
  running=$(readlink "$program/current") || {
    echo "ferry-agent: there is no version in $program: install one with ferry-agent install" >&2
    exit 1
  }
  cd "$cd_back" || exit 1
  FERRY_AGENT_PROGRAM=$program FERRY_AGENT_RUNNING=$(basename "$running") "$program/$running/ferry-agent" "$@" &
  child=$!
  [ -z "$stopping" ] || kill -TERM "$child" 2>/dev/null
  [ ! -e "$program/trial" ] || guard "$child"
  while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=
  [ -z "$watch" ] || kill -TERM "$watch" 2>/dev/null
  watch=
  if [ -n "$stopping" ]; then
    # Whoever stops it says nothing about it: that start does not count.
    [ ! -e "$program/trial" ] || put trial $(($(cat "$program/trial") - 1))
    exit "$code"
  fi
  if [ "$code" -eq ${EXIT_RESTART} ]; then continue; fi
  [ -e "$program/trial" ] || exit "$code"
  if [ -e "$program/overdue" ]; then
    take_back "it was not well after $healthy_s s: $(head -c 400 "$program/waiting" 2>/dev/null || echo 'it did not even open its database')"
  else
    ended="exit status $code"
  fi
  sleep 1
done
`;
