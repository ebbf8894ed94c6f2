#!/usr/bin/env bash
# Evaluate on a Slurm cluster, one task per GPU; GPUS=0 takes TASKS processes on CPUs.
#   GPUS=8 GPUS_PER_NODE=8 tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options]
#   GPUS=0 TASKS=2 CPUS_PER_TASK=1 tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options]
# Also read: CPUS_PER_TASK (5) and SRUN_ARGS (further options of srun).
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
CHECKPOINT=$4
# Waiting threads sleep (docs/threads.md); a setting of your own stays.
[ -n "${OMP_WAIT_POLICY:-}" ] || export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-0}"
TASKS_AND_GPUS=(--gres="gpu:${GPUS_PER_NODE:-8}" --ntasks="${GPUS:-8}"
    --ntasks-per-node="${GPUS_PER_NODE:-8}")
[ "${GPUS:-8}" != 0 ] || TASKS_AND_GPUS=(--ntasks="${TASKS:-1}")
# shellcheck disable=SC2086  # SRUN_ARGS is a list of options
exec srun --partition="$PARTITION" --job-name="$JOB_NAME" \
    "${TASKS_AND_GPUS[@]}" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/test.py" "$CONFIG" "$CHECKPOINT" \
    --launcher slurm "${@:5}"
