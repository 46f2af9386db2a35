#!/usr/bin/env bash
# Slurm on loopback: controller, node and munge. Wants root.
set -eu
. "$(dirname "$0")/engine.sh"
host=$(hostname -s)
control=$(port) node=$(port)
mkdir "$folder/state" "$folder/spool"
chmod 755 "$folder"
munged=${MUNGED:-/usr/sbin/munged}
munge() {
  install -d -o munge -g munge -m 711 "$folder/$1"
  dd if=/dev/urandom of="$folder/$1/key" bs=1 count=1024 2>/dev/null
  chown munge: "$folder/$1/key"
  chmod 600 "$folder/$1/key"
  runuser -u munge -- "$munged" --foreground --force --key-file "$folder/$1/key" --socket "$folder/$1/socket" --pid-file "$folder/$1/pid" \
    --log-file "$folder/$1/log" --seed-file "$folder/$1/seed" 2>"$folder/$1.err" &
  started+=($!)
  until_ok test -S "$folder/$1/socket" || { cat "$folder/$1.err" "$folder/$1/log" >&2; exit 1; }
}
configure() {
  cat >"$folder/$1.conf" <<END
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/$2/socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/ctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/ctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmctldPort=$control
SlurmdPort=$node
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
SchedulerParameters=defer,bf_interval=2,sched_interval=1,sched_min_interval=0
KillWait=2
InactiveLimit=60
MessageTimeout=60
TCPTimeout=30
BatchStartTimeout=120
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 Boards=1 SocketsPerBoard=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=4000 State=UNKNOWN
NodeSet=all Nodes=$host
PartitionName=long Nodes=$host Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=$host MaxTime=60 State=UP
END
  sed -i '/^NodeSet/d' "$folder/$1.conf"
}
munge right
munge other
configure slurm right
configure wrong other
export SLURM_CONF=$folder/slurm.conf
slurmctld -D >/dev/null 2>&1 &
started+=($!)
slurmd -D -N "$host" >/dev/null 2>&1 &
daemon=$!
started+=($daemon)
until_ok sh -c 'sinfo -h -o %T | grep -q idle' || { tail -n 8 "$folder"/*.log >&2; exit 1; }
place() { printf 'backend = \\"slurm\\"\\npython = \\"%s\\"\\npartition = \\"short\\"\\ntime = \\"30\\"\\n' "$python"; }
printf 'for job in $(squeue -h -o %%A); do kill -9 $(pgrep -f "[s]lurmstepd: .$job[.]") 2>/dev/null; done; kill -9 %s; true\n' $daemon >"$folder/kill"
ready "{\"place\": \"$(place)\", \"wrong\": \"$(place)\", \"environment\": {\"SLURM_CONF\": \"$folder/slurm.conf\"}, \"wrong_environment\": {\"SLURM_CONF\": \"$folder/wrong.conf\"}, \"cut\": \"kill -9 \$(pgrep -P \$NBHOIST_TEST_PROCESS srun)\", \"kill\": \"sh $folder/kill\"}"
